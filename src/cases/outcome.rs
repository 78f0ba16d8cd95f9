//! What becomes of an event: as a case expects it, and as it came.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::data::{CaseData, json_string};
use super::json;
use crate::transform::{Emission, FaultKind, Verdict};

/// Data that is longer is shown by its beginning, ...
const SHOWN_BYTES: usize = 2000;

/// ... but for JSON up to this length: it is laid out in lines, of which those are seen that differ.
const SHOWN_JSON_BYTES: usize = 1 << 20;

/// A state that can't be carried from one invocation to the next: it is too large, or can't be read again.
pub(super) const STATE_FAULT: &str = "state";

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    /// It is delivered as it came.
    Keep,
    /// It is filtered out.
    Drop,
    /// It is in the state of its window.
    Folded,
    /// This is the state of the window; none: there is none yet.
    State(Option<CaseData>),
    /// These are delivered instead.
    Emit(Vec<CaseOutput>),
    /// It comes again. In an expectation none stands for any text.
    Retry(Option<String>),
    /// It is dead-lettered. In an expectation none stands for any text.
    Reject(Option<String>),
    /// The transform breaks.
    Fault {
        /// `trap`, `timeout`, `memory` or `state`.
        kind: &'static str,
        /// What happened, where that is known.
        reason: Option<String>,
    },
}

/// One record to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutput {
    /// Its payload.
    pub data: CaseData,
    /// Its key; none: that of the event.
    pub key: Option<String>,
    /// Its route; none: the main output.
    pub route: Option<String>,
}

impl CaseOutcome {
    /// What the transform answered, each output in the form that the expectation has for it. None: it did not get to
    /// answer.
    pub(crate) fn of(verdict: Verdict, expected: Option<&CaseOutcome>) -> Option<Self> {
        Some(match verdict {
            Verdict::Keep => CaseOutcome::Keep,
            Verdict::Folded => CaseOutcome::Folded,
            Verdict::Drop => CaseOutcome::Drop,
            Verdict::Retry(why) => CaseOutcome::Retry(Some(why)),
            Verdict::Reject(why) => CaseOutcome::Reject(Some(why)),
            Verdict::Fault(fault) => CaseOutcome::Fault { kind: name(fault.kind), reason: Some(fault.reason) },
            Verdict::Emit(outputs) => {
                let forms = match expected {
                    Some(CaseOutcome::Emit(outputs)) => outputs.as_slice(),
                    _ => &[],
                };
                let output = |(index, emission): (usize, Emission<'_>)| CaseOutput {
                    data: match forms.get(index) {
                        Some(form) => CaseData::in_form_of(emission.data.to_vec(), &form.data),
                        None => CaseData::best_form_of(emission.data.to_vec()),
                    },
                    key: emission.partition_key.map(str::to_owned),
                    route: emission.route.map(str::to_owned),
                };
                CaseOutcome::Emit(outputs.iter().enumerate().map(output).collect())
            }
            Verdict::Undecodable | Verdict::Interrupted | Verdict::Unavailable(_) => return None,
        })
    }

    /// The state that the transform saved, in the form that the expectation has for it.
    pub(super) fn of_state(state: Option<&[u8]>, expected: Option<&CaseOutcome>) -> Self {
        CaseOutcome::State(state.map(|bytes| match expected {
            Some(CaseOutcome::State(Some(form))) => CaseData::in_form_of(bytes.to_vec(), form),
            _ => CaseData::best_form_of(bytes.to_vec()),
        }))
    }

    /// Whether it is what nobody wants: the transform broke.
    pub fn is_fault(&self) -> bool {
        matches!(self, CaseOutcome::Fault { .. })
    }

    /// Whether what came is what this expects, of an event with this key.
    pub(super) fn allows(&self, came: &CaseOutcome, event_key: &str) -> bool {
        let is_text = |expected: &Option<String>, came: &Option<String>| expected.is_none() || expected == came;
        match (self, came) {
            (CaseOutcome::Retry(expected), CaseOutcome::Retry(came))
            | (CaseOutcome::Reject(expected), CaseOutcome::Reject(came)) => is_text(expected, came),
            (CaseOutcome::Fault { kind: expected, .. }, CaseOutcome::Fault { kind: came, .. }) => expected == came,
            (CaseOutcome::Emit(expected), CaseOutcome::Emit(came)) => {
                expected.len() == came.len()
                    && expected.iter().zip(came).all(|(expected, came)| expected.allows(came, event_key))
            }
            (CaseOutcome::State(Some(expected)), CaseOutcome::State(Some(came))) => expected.is(came.bytes()),
            (expected, came) => expected == came,
        }
    }

    /// As a case writes it, laid out for a person.
    pub fn written(&self) -> String {
        self.laid_out(CaseData::field, CaseOutput::written)
    }

    /// Returns the outcome as text for a person, with long data cut and the reason of a fault.
    pub fn shown(&self) -> String {
        match self {
            CaseOutcome::Fault { kind, reason: Some(reason) } => {
                json::pretty(&format!("{{\"fault\":{},\"because\":{}}}", json_string(kind), json_string(reason)))
            }
            _ => self.laid_out(shown_data, CaseOutput::shown),
        }
    }

    fn laid_out(&self, data: fn(&CaseData) -> (&'static str, String), output: fn(&CaseOutput) -> String) -> String {
        let tagged = |tag: &str, value: &str| format!("{{\"{tag}\": {value}}}");
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "null".to_owned(), json_string);
        match self {
            CaseOutcome::Keep => "\"keep\"".to_owned(),
            CaseOutcome::Drop => "\"drop\"".to_owned(),
            CaseOutcome::Folded => "\"folded\"".to_owned(),
            CaseOutcome::State(None) => tagged("state", "null"),
            CaseOutcome::State(Some(state)) => {
                let (name, value) = data(state);
                json::pretty(&format!("{{\"state\":{{\"{name}\":{value}}}}}"))
            }
            CaseOutcome::Retry(why) => tagged("retry", &text(why)),
            CaseOutcome::Reject(why) => tagged("reject", &text(why)),
            CaseOutcome::Fault { kind, .. } => tagged("fault", &json_string(kind)),
            CaseOutcome::Emit(outputs) => {
                let outputs: Vec<String> = outputs.iter().map(output).collect();
                json::pretty(&format!("{{\"emit\":[{}]}}", outputs.join(",")))
            }
        }
    }
}

impl CaseOutput {
    fn allows(&self, came: &CaseOutput, event_key: &str) -> bool {
        let key = |output: &CaseOutput| output.key.clone().unwrap_or_else(|| event_key.to_owned());
        self.data.is(came.data.bytes()) && key(self) == key(came) && self.route == came.route
    }

    fn written(&self) -> String {
        let (name, value) = self.data.field();
        self.object(name, &value)
    }

    fn shown(&self) -> String {
        let (name, value) = shown_data(&self.data);
        self.object(name, &value)
    }

    fn object(&self, data_name: &str, data: &str) -> String {
        let mut object = format!("{{\"{data_name}\":{data}");
        for (name, value) in [("key", &self.key), ("route", &self.route)] {
            if let Some(value) = value {
                // A String takes everything.
                let _ = write!(object, ",\"{name}\":{}", json_string(value));
            }
        }
        object.push('}');
        object
    }
}

/// The field that data is for a person: its beginning, where it is long.
fn shown_data(data: &CaseData) -> (&'static str, String) {
    let (name, value) = data.field();
    let most = if matches!(data, CaseData::Json(_)) { SHOWN_JSON_BYTES } else { SHOWN_BYTES };
    if value.len() <= most {
        return (name, value);
    }
    let bytes = data.bytes();
    let digest: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let start = &value[..value.floor_char_boundary(SHOWN_BYTES / 10)];
    (name, json_string(&format!("{start}… ({} bytes, SHA-256 {digest}…)", bytes.len())))
}

pub(super) fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Trap => "trap",
        FaultKind::Timeout => "timeout",
        FaultKind::Memory => "memory",
    }
}
