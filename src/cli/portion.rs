//! How much of what was put aside is run again at a time, and how fast.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Instant;

use clap::Args;

use super::rate_limit::RateLimit;
use super::summary::counted;
use crate::settings::SettingsError;
use crate::stdout;

/// How much is run, and how fast.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PortionFlags {
    /// Process at most this number of what --from holds, and leave the rest for the next run. What is filtered out does
    /// not count
    #[arg(long, value_name = "COUNT")]
    limit: Option<NonZeroU64>,

    /// Pass over this number of what --from holds, to go on where --limit ended an earlier run: files and buckets still
    /// hold what was done. What is filtered out counts
    #[arg(long, value_name = "COUNT")]
    skip: Option<NonZeroU64>,

    /// Maximum number of records per second
    #[arg(long, value_name = "RECORDS_PER_SECOND")]
    rate: Option<NonZeroU32>,
}

/// Whether a count of what was done leads to the same place the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceOrder {
    /// What is there stays there, in its order.
    Stays,
    /// What is done is deleted, so that the next run goes on by itself.
    TakenAway,
    /// What is oldest expires.
    Expires,
}

impl PortionFlags {
    /// Checks the flags against where it is read from.
    ///
    /// # Errors
    /// When --skip would pass over what was never run.
    pub(super) fn check(&self, from: &str, order: PlaceOrder) -> Result<(), SettingsError> {
        if self.skip.is_none() {
            return Ok(());
        }
        let reason = match order {
            PlaceOrder::Stays => return Ok(()),
            PlaceOrder::TakenAway => "what is done is deleted there, so that the next run goes on by itself",
            PlaceOrder::Expires => {
                "its oldest records expire, so that a count leads to another place each time; --since \
                                    takes those that came later"
            }
        };
        Err(SettingsError::Contradiction(format!("--skip is not for --from {from}: {reason}: leave it out")))
    }

    /// What is to be run.
    pub(super) fn begin(&self) -> Portion {
        Portion {
            limit: self.limit,
            left: self.limit.map(NonZeroU64::get),
            to_pass: self.skip.map_or(0, NonZeroU64::get),
            passed: 0,
            found: 0,
            rate: self.rate.map(RateLimit::new),
        }
    }
}

/// What is run of it, while it is.
#[derive(Debug)]
pub(super) struct Portion {
    limit: Option<NonZeroU64>,
    left: Option<u64>,
    to_pass: u64,
    passed: u64,
    /// All that were found, also those that were passed over or filtered out.
    found: u64,
    rate: Option<RateLimit>,
}

/// Why no more is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortionEnd {
    /// As many as --limit says are done.
    Limit,
    /// Nobody reads any more what became of each.
    NobodyReads,
}

impl Portion {
    /// Waits until the next one may begin; some: none may any more.
    pub(super) async fn next(&mut self) -> Option<PortionEnd> {
        if stdout::failure().is_some() {
            return Some(PortionEnd::NobodyReads);
        }
        if self.left == Some(0) {
            return Some(PortionEnd::Limit);
        }
        if let Some(rate) = &mut self.rate {
            let wait = rate.wait(0, Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
        None
    }

    /// Whether one that was found is passed over, since an earlier run had it.
    pub(super) fn passes_over(&mut self) -> bool {
        self.found += 1;
        let is_passed = self.to_pass > 0;
        self.to_pass = self.to_pass.saturating_sub(1);
        self.passed += u64::from(is_passed);
        is_passed
    }

    /// How many were passed over.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// One was run, with so many records.
    pub(super) fn took(&mut self, records: u64) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if let Some(rate) = &mut self.rate {
            // When the next one may begin.
            rate.wait(usize::try_from(records).unwrap_or(usize::MAX), Instant::now());
        }
    }
}

/// Says what was passed over, and what is left, each on a line of its own below a summary.
pub(super) fn write_what_was_not_run(
    formatter: &mut fmt::Formatter<'_>,
    passed: u64,
    rest: Option<&Rest>,
) -> fmt::Result {
    if passed > 0 {
        write!(formatter, "\n{passed} passed over by --skip")?;
    }
    rest.map_or(Ok(()), |rest| write!(formatter, "\n{rest}"))
}

/// What was not run in the end, for a person: how many where that is known, and how to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    end: PortionEnd,
    limit: Option<NonZeroU64>,
    order: PlaceOrder,
    found: u64,
    /// None: nobody counted them.
    count: Option<u64>,
    noun: &'static str,
}

impl Rest {
    /// What is behind the end of a portion. `count`: how many, where they were counted. `noun`: what they are.
    pub(super) fn behind(
        portion: &Portion,
        end: PortionEnd,
        order: PlaceOrder,
        count: Option<u64>,
        noun: &'static str,
    ) -> Self {
        Self { end, limit: portion.limit, order, found: portion.found, count, noun }
    }

    /// Whether all of it was to be run.
    pub(super) fn is_cut_short(&self) -> bool {
        self.end == PortionEnd::NobodyReads && self.count != Some(0)
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == Some(0) {
            return formatter.write_str("nothing is left");
        }
        match (self.end, self.limit) {
            (PortionEnd::NobodyReads, _) => {
                formatter.write_str("ended, since nobody reads standard output any more: ")?
            }
            (PortionEnd::Limit, Some(limit)) => write!(formatter, "ended by --limit {limit}: ")?,
            (PortionEnd::Limit, None) => {}
        }
        match self.count {
            Some(count) => write!(formatter, "{} left", counted(count, self.noun))?,
            None => formatter.write_str("what is behind it is left")?,
        }
        match self.order {
            PlaceOrder::Stays => write!(formatter, ", go on with --skip {}", self.found),
            PlaceOrder::TakenAway => formatter.write_str(" for the next run"),
            PlaceOrder::Expires => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(limit: u64, skip: u64) -> PortionFlags {
        PortionFlags { limit: NonZeroU64::new(limit), skip: NonZeroU64::new(skip), rate: None }
    }

    #[test]
    fn a_portion_ends_at_its_limit_and_says_how_to_go_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut portion = flags(2, 1).begin();
        assert!(portion.passes_over());
        for _ in 0..2 {
            assert_eq!(runtime.block_on(portion.next()), None);
            assert!(!portion.passes_over());
            portion.took(1);
        }
        // One that is filtered out does not count.
        let end = runtime.block_on(portion.next()).expect("an end");
        assert_eq!(end, PortionEnd::Limit);
        let rest = |order, count| Rest::behind(&portion, end, order, count, "dead letter").to_string();
        assert_eq!(rest(PlaceOrder::Stays, Some(1)), "ended by --limit 2: 1 dead letter left, go on with --skip 3");
        assert_eq!(rest(PlaceOrder::Stays, None), "ended by --limit 2: what is behind it is left, go on with --skip 3");
        assert_eq!(rest(PlaceOrder::TakenAway, None), "ended by --limit 2: what is behind it is left for the next run");
        assert_eq!(rest(PlaceOrder::Expires, Some(0)), "nothing is left");
    }

    #[test]
    fn a_count_is_for_places_that_keep_their_order() {
        assert!(flags(1, 1).check("dead.ndjson", PlaceOrder::Stays).is_ok());
        for order in [PlaceOrder::TakenAway, PlaceOrder::Expires] {
            assert!(flags(1, 0).check("x", order).is_ok());
            let refusal = flags(1, 1).check("x", order).expect_err("a refusal").to_string();
            assert!(refusal.starts_with("--skip is not for --from x: "), "{refusal}");
        }
    }

    #[test]
    fn a_rate_holds_the_next_one_back_by_what_was_run() {
        let mut portion = PortionFlags { rate: NonZeroU32::new(100), ..PortionFlags::default() }.begin();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let started = Instant::now();
        for _ in 0..3 {
            assert_eq!(runtime.block_on(portion.next()), None);
            portion.took(10);
        }
        assert!(started.elapsed().as_millis() >= 190, "{:?}", started.elapsed());
    }
}
