//! Cases through a transform of tumbling windows: events are folded, batches end, and windows close, as Lambda and the
//! function have it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{CaseOutcome, STATE_FAULT};
use super::run::{CaseCheck, RunError, job_of};
use super::suite::{Case, CaseStep, Suite};
use crate::processor::MOST_STATE_BYTES;
use crate::source::mapping::window_of;
use crate::timestamp::{millis, rfc3339};
use crate::transform::{
    ClosedFold, FoldClose, Limits, StateRefused, Transform, Verdict, Window, WindowOpening, WindowPool,
};

/// When a window begins that is closed before any event: 2026-01-01T00:00:00Z.
const EMPTY_WINDOW: u64 = 1_767_225_600_000;

/// The window that is open, and what was saved of it.
#[derive(Debug, Default)]
struct OpenWindow {
    window: Option<Window>,
    state: Option<Arc<[u8]>>,
}

/// Runs the cases: the events up to a step are a batch.
pub(super) async fn run(
    suite: &Suite,
    transform: &Transform,
    limits: Limits,
    mut guests: WindowPool,
    mut after: impl FnMut(Option<usize>),
) -> Result<Vec<CaseCheck>, RunError> {
    let mut checks = Vec::with_capacity(suite.cases.len());
    let mut open = OpenWindow::default();
    while checks.len() < suite.cases.len() {
        let rest = &suite.cases[checks.len()..];
        let events = rest.iter().take_while(|case| case.event().is_some()).count();
        let (batch, step) = (&rest[..events], rest.get(events));
        let window = open.window_for(batch, suite.window)?;
        let opening = WindowOpening { window, state: open.state.clone() };
        let guest = guests.lend();
        let mut fold = guest.fold(job_of(batch)?, opening);
        let mut verdicts = Vec::with_capacity(events);
        while let Some(chunk) = fold.next().await {
            verdicts.extend(chunk.verdicts);
        }
        let mut verdicts = verdicts.into_iter();
        checks.extend(batch.iter().map(|case| CaseCheck::of_event(case, verdicts.next())));
        let Some(step) = step else { break };
        let ending = match step.step {
            CaseStep::Close(ending) => Some(ending),
            CaseStep::Save | CaseStep::Event(_) => None,
        };
        let closed = fold.close(FoldClose { end: events, ending, by: None }).await;
        drop(guest);
        let closed = closed.transpose().ok_or(RunError::NoThread)?;
        after(Some(checks.len()));
        let came = open.after(closed, step);
        checks.push(CaseCheck::of(step, came));
        if ending.is_none() {
            // Another one goes on with it: what is kept besides the state is lost then, as it may be in Lambda.
            guests = WindowPool::start(transform, limits, &suite.settings, NonZeroUsize::MIN)?;
        }
    }
    Ok(checks)
}

impl OpenWindow {
    /// The window of the next events.
    fn window_for(&mut self, batch: &[Case], length: Duration) -> Result<Window, RunError> {
        let events = || batch.iter().filter_map(|case| case.event().map(|event| (case.line, event.arrived_at)));
        let first = events().next().map_or(EMPTY_WINDOW, |(_, arrived_at)| arrived_at);
        let window = *self.window.get_or_insert_with(|| window_of(first, millis(length)));
        match events().find(|(_, arrived_at)| *arrived_at >= window.end) {
            Some((line, _)) => Err(RunError::BehindWindow { line, end: rfc3339(window.end) }),
            None => Ok(window),
        }
    }

    /// Takes in what came of a step.
    fn after(&mut self, closed: Result<ClosedFold, StateRefused>, step: &Case) -> Result<CaseOutcome, String> {
        let closed = match closed {
            Ok(closed) => closed,
            Err(refused) => return Ok(state_fault(refused.to_string())),
        };
        let ClosedFold { state, why_not, conclusion, .. } = closed;
        match (why_not, conclusion) {
            (Some(Verdict::Unavailable(reason)), _) => Err(reason),
            (Some(_), _) => Err("the state could not be saved".to_owned()),
            (None, None) => match state.as_ref().map(|state| state.len()).filter(|bytes| *bytes > MOST_STATE_BYTES) {
                // As there: the invocation fails, and what was saved before stays.
                Some(bytes) => Ok(state_fault(format!(
                    "the state has {bytes} bytes, and Lambda carries {MOST_STATE_BYTES} of them: fold into less"
                ))),
                None => {
                    self.state = state;
                    Ok(CaseOutcome::of_state(self.state.as_deref(), step.expected.as_ref()))
                }
            },
            (None, Some(conclusion)) => {
                // One that is to be closed later stays as it is.
                if let Verdict::Retry(_) = conclusion {
                    self.state = state;
                } else {
                    *self = Self::default();
                }
                match conclusion {
                    Verdict::Unavailable(reason) => Err(reason),
                    conclusion => CaseOutcome::of(conclusion, step.expected.as_ref())
                        .ok_or_else(|| "the window could not be closed".to_owned()),
                }
            }
        }
    }
}

fn state_fault(reason: String) -> CaseOutcome {
    CaseOutcome::Fault { kind: STATE_FAULT, reason: Some(reason) }
}
