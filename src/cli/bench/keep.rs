//! What a transform is measured beside: one that keeps every record.

use crate::cli::error::CommandError;
use crate::project::component_of_module;
use crate::transform::{Insight, Transform};

/// The module, as text.
const KEEP: &str = include_str!("keep.wat");

/// Compiles it.
pub(super) fn keep(insight: Insight) -> Result<Transform, CommandError> {
    // Neither can fail: a test makes it.
    let failed =
        |why: String| CommandError { message: format!("the built-in transform can't be made: {why}"), code: None };
    let module = wat::parse_str(KEEP).map_err(|error| failed(error.to_string()))?;
    let component = component_of_module(module).map_err(failed)?;
    Ok(Transform::of_component(&component, insight)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Batch, Record};
    use crate::transform::{Limits, Trial, TrialHost, TrialOptions, Verdict};

    #[test]
    fn it_keeps_whatever_it_is_given() {
        for insight in [Insight::None, Insight::Instructions] {
            let transform = keep(insight).expect("it is made");
            let settings = [("a".to_owned(), "b".repeat(100_000))];
            let options = TrialOptions::plain(TrialHost::Real);
            let mut trial = Trial::start(&transform, Limits::default(), &settings, options).expect("it starts");
            let mut batch = Batch::builder("arn", "shardId-000000000000");
            for (index, size) in [0, 1, 65_472, 200_000, 10 << 20].into_iter().enumerate() {
                let sequence_number = (index + 1).to_string();
                let record = Record {
                    partition_key: "key",
                    sequence_number: &sequence_number,
                    sub_sequence_number: 0,
                    arrived_at: 1,
                };
                batch.push_bytes(record, &vec![7; size]).expect("pushed");
            }
            let batch = Arc::new(batch.build());
            for _ in 0..3 {
                let mut calls = trial.begin(Arc::clone(&batch));
                for index in 0..batch.len() {
                    let answer = calls.call(index);
                    assert!(matches!(answer.verdict(), Some(Verdict::Keep)), "{answer:?}");
                }
            }
            // Nothing stays of what it was given before.
            assert!(trial.usage().memory_bytes < 12 << 20, "{:?}", trial.usage());
        }
    }
}
