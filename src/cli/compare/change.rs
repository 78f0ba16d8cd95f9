//! What differs between what two transforms answer about a record.

use std::collections::BTreeMap;

use crate::cases::is_same;
use crate::event::Event;
use crate::settings::normal_route;
use crate::transform::{FaultKind, Verdict};

/// How the answers of two transforms compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Comparison {
    /// They are the same, byte for byte.
    Same,
    /// The outputs are JSON of the same values, and written otherwise.
    SameValue,
    /// The same is delivered, and it is said otherwise: a record that is kept, or replaced by itself.
    SameEffect,
    /// Something differs.
    Different(Change),
}

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The answer is of another kind.
    Verdict(VerdictKind, VerdictKind),
    /// There are more outputs, or fewer.
    OutputCount,
    /// They are the same outputs in another order.
    OutputOrder,
    /// Their data differs.
    OutputData,
    /// They go elsewhere: under another key, or to another route.
    OutputPlace,
    /// The text of a retry or a reject differs.
    Reason,
    /// What is logged differs.
    Log,
}

/// The kind of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum VerdictKind {
    Keep,
    Drop,
    Emit,
    Retry,
    Reject,
    Trap,
    Timeout,
    Memory,
    Undecodable,
    NotProcessed,
}

/// What is delivered, as whoever gets it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeliveredOutput<'a> {
    pub(super) data: &'a [u8],
    pub(super) key: &'a str,
    pub(super) route: Option<&'a str>,
}

impl VerdictKind {
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Keep => VerdictKind::Keep,
            Verdict::Drop => VerdictKind::Drop,
            Verdict::Emit(_) => VerdictKind::Emit,
            Verdict::Retry(_) => VerdictKind::Retry,
            Verdict::Reject(_) => VerdictKind::Reject,
            Verdict::Fault(fault) => match fault.kind {
                FaultKind::Trap => VerdictKind::Trap,
                FaultKind::Timeout => VerdictKind::Timeout,
                FaultKind::Memory => VerdictKind::Memory,
            },
            Verdict::Undecodable => VerdictKind::Undecodable,
            Verdict::Folded | Verdict::Interrupted | Verdict::Unavailable(_) => VerdictKind::NotProcessed,
        }
    }

    /// As a program reads it; the first words are those of cases.
    fn word(self) -> &'static str {
        match self {
            VerdictKind::Keep => "keep",
            VerdictKind::Drop => "drop",
            VerdictKind::Emit => "emit",
            VerdictKind::Retry => "retry",
            VerdictKind::Reject => "reject",
            VerdictKind::Trap => "trap",
            VerdictKind::Timeout => "timeout",
            VerdictKind::Memory => "memory",
            VerdictKind::Undecodable => "undecodable",
            VerdictKind::NotProcessed => "not-processed",
        }
    }
}

impl Change {
    /// As people and programs read it.
    pub(super) fn name(self) -> String {
        match self {
            Change::Verdict(old, new) => format!("{}->{}", old.word(), new.word()),
            Change::OutputCount => "output-count".to_owned(),
            Change::OutputOrder => "output-order".to_owned(),
            Change::OutputData => "output-data".to_owned(),
            Change::OutputPlace => "output-key-or-route".to_owned(),
            Change::Reason => "reason".to_owned(),
            Change::Log => "log".to_owned(),
        }
    }
}

/// Compares what two transforms answer about an event. The text of a fault is none of it: it names lines of the source, which
/// every change moves.
pub(super) fn compare(event: Event<'_>, old: &Verdict, new: &Verdict) -> Comparison {
    let kinds = (VerdictKind::of(old), VerdictKind::of(new));
    if let (Verdict::Keep, Verdict::Keep) | (Verdict::Drop, Verdict::Drop) = (old, new) {
        return Comparison::Same;
    }
    if let (Verdict::Retry(old), Verdict::Retry(new)) | (Verdict::Reject(old), Verdict::Reject(new)) = (old, new)
        && old != new
    {
        return Comparison::Different(Change::Reason);
    }
    let (Some(old), Some(new)) = (delivered(event, old), delivered(event, new)) else {
        return if kinds.0 == kinds.1 {
            Comparison::Same
        } else {
            Comparison::Different(Change::Verdict(kinds.0, kinds.1))
        };
    };
    let is_emitted = kinds == (VerdictKind::Emit, VerdictKind::Emit);
    match outputs(&old, &new) {
        Comparison::Different(change) if is_emitted => Comparison::Different(change),
        Comparison::Different(_) => Comparison::Different(Change::Verdict(kinds.0, kinds.1)),
        Comparison::Same if kinds.0 != kinds.1 => Comparison::SameEffect,
        same => same,
    }
}

/// What a verdict has delivered; none: that is not what it is about.
pub(super) fn delivered<'a>(event: Event<'a>, verdict: &'a Verdict) -> Option<Vec<DeliveredOutput<'a>>> {
    match verdict {
        Verdict::Keep => {
            Some(vec![DeliveredOutput { data: event.payload.bytes(), key: event.partition_key, route: None }])
        }
        Verdict::Drop => Some(Vec::new()),
        Verdict::Emit(emissions) => {
            let output = |emission: crate::transform::Emission<'a>| DeliveredOutput {
                data: emission.data,
                key: emission.partition_key.unwrap_or(event.partition_key),
                route: emission.route,
            };
            Some(emissions.iter().map(output).collect())
        }
        _ => None,
    }
}

fn outputs(old: &[DeliveredOutput<'_>], new: &[DeliveredOutput<'_>]) -> Comparison {
    if old.len() != new.len() {
        return Comparison::Different(Change::OutputCount);
    }
    let mut worst = Comparison::Same;
    for (old, new) in old.iter().zip(new) {
        let comparison = if !old.goes_where(new) {
            Comparison::Different(Change::OutputPlace)
        } else if old.data == new.data {
            Comparison::Same
        } else if is_same_json(old.data, new.data) {
            Comparison::SameValue
        } else {
            Comparison::Different(Change::OutputData)
        };
        worst = worst.max(comparison);
    }
    match worst {
        Comparison::Different(_) if are_same_in_some_order(old, new) => Comparison::Different(Change::OutputOrder),
        worst => worst,
    }
}

impl DeliveredOutput<'_> {
    /// Whether another one goes to the same place. Names of routes are told apart as a run tells them apart.
    pub(super) fn goes_where(&self, other: &Self) -> bool {
        self.key == other.key && self.route.map(normal_route) == other.route.map(normal_route)
    }
}

fn is_same_json(old: &[u8], new: &[u8]) -> bool {
    match (str::from_utf8(old), str::from_utf8(new)) {
        (Ok(old), Ok(new)) => is_same(old, new),
        _ => false,
    }
}

fn are_same_in_some_order(old: &[DeliveredOutput<'_>], new: &[DeliveredOutput<'_>]) -> bool {
    let mut counts: BTreeMap<&DeliveredOutput<'_>, i64> = BTreeMap::new();
    for output in old {
        *counts.entry(output).or_default() += 1;
    }
    for output in new {
        *counts.entry(output).or_default() -= 1;
    }
    counts.values().all(|count| *count == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, Record};
    use crate::transform::{Emission, Emissions, Fault};

    fn compared(old: &Verdict, new: &Verdict) -> Comparison {
        let mut batch = Batch::builder("arn", "shard");
        let record = Record { partition_key: "key", sequence_number: "1", sub_sequence_number: 0, arrived_at: 1 };
        batch.push_bytes(record, b"{\"a\":1}").expect("pushed");
        compare(batch.build().event(0), old, new)
    }

    fn emit(outputs: &[(&str, Option<&str>, Option<&str>)]) -> Verdict {
        let emission = |(data, partition_key, route): &(&'static str, _, _)| Emission {
            data: data.as_bytes(),
            partition_key: *partition_key,
            route: *route,
        };
        let outputs: Vec<(&'static str, Option<&str>, Option<&str>)> = outputs
            .iter()
            .map(|(data, key, route)| (&*Box::leak((*data).to_owned().into_boxed_str()), *key, *route))
            .collect();
        Verdict::Emit(Emissions::copy_of(outputs.iter().map(emission)))
    }

    fn one(data: &str) -> Verdict {
        emit(&[(data, None, None)])
    }

    #[test]
    fn what_is_delivered_counts_and_not_how_it_is_said() {
        assert_eq!(compared(&Verdict::Keep, &Verdict::Keep), Comparison::Same);
        assert_eq!(compared(&Verdict::Keep, &one("{\"a\":1}")), Comparison::SameEffect);
        assert_eq!(compared(&emit(&[]), &Verdict::Drop), Comparison::SameEffect);
        assert_eq!(compared(&one("x"), &emit(&[("x", Some("key"), None)])), Comparison::Same);
        assert_eq!(compared(&emit(&[("x", None, Some("A_b"))]), &emit(&[("x", None, Some("a-b"))])), Comparison::Same);
    }

    #[test]
    fn layout_is_told_from_values() {
        assert_eq!(compared(&one("{\"a\":1, \"b\":2}"), &one("{\"b\":2,\"a\":1}")), Comparison::SameValue);
        assert_eq!(compared(&Verdict::Keep, &one("{ \"a\": 1 }")), Comparison::SameValue);
        let changed = compared(&one("{\"a\":1}"), &one("{\"a\":2}"));
        assert_eq!(changed, Comparison::Different(Change::OutputData));
        assert_eq!(compared(&one("a b"), &one("a  b")), Comparison::Different(Change::OutputData));
    }

    #[test]
    fn each_difference_has_its_name() {
        let name = |old: &Verdict, new: &Verdict| match compared(old, new) {
            Comparison::Different(change) => change.name(),
            other => format!("{other:?}"),
        };
        let fault = |kind, reason: &str| Verdict::Fault(Fault { kind, reason: reason.to_owned() });
        let retry = |text: &str| Verdict::Retry(text.to_owned());
        assert_eq!(name(&Verdict::Keep, &Verdict::Drop), "keep->drop");
        assert_eq!(name(&one("x"), &Verdict::Keep), "emit->keep");
        assert_eq!(name(&Verdict::Drop, &fault(FaultKind::Timeout, "")), "drop->timeout");
        assert_eq!(name(&fault(FaultKind::Trap, "1"), &fault(FaultKind::Memory, "1")), "trap->memory");
        assert_eq!(name(&fault(FaultKind::Trap, "line 1"), &fault(FaultKind::Trap, "line 2")), "Same");
        assert_eq!(name(&retry("a"), &retry("b")), "reason");
        assert_eq!(name(&retry("a"), &Verdict::Reject("a".to_owned())), "retry->reject");
        assert_eq!(name(&one("x"), &emit(&[("x", None, None), ("y", None, None)])), "output-count");
        assert_eq!(
            name(&emit(&[("x", None, None), ("y", None, None)]), &emit(&[("y", None, None), ("x", None, None)])),
            "output-order"
        );
        assert_eq!(name(&one("x"), &emit(&[("x", Some("other"), None)])), "output-key-or-route");
        assert_eq!(name(&one("x"), &emit(&[("x", None, Some("side"))])), "output-key-or-route");
    }
}
