//! What a transform answers: [`Outcome`], the [`Output`]s in it, and what can be turned into one.

use crate::{Error, Outcome, Output};

impl Outcome {
    /// Deliver these instead of the event, in this order.
    ///
    /// Emitting nothing acknowledges the event as [`Outcome::Drop`] does.
    pub fn emit(outputs: impl IntoIterator<Item = Output>) -> Self {
        Self::Emit(outputs.into_iter().collect())
    }

    /// Deliver this one output instead of the event.
    pub fn replace(output: impl Into<Output>) -> Self {
        Self::Emit(vec![output.into()])
    }

    /// The event, and all that follow it in its shard, come again. The text says why.
    pub fn retry(why: impl Into<String>) -> Self {
        Self::Retry(why.into())
    }

    /// The event can never be processed: dead-letter it and go on. The text says why.
    pub fn reject(why: impl Into<String>) -> Self {
        Self::Reject(why.into())
    }
}

impl Output {
    /// An output with this payload, under the event's own partition key, for the main output.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), partition_key: None, route: None }
    }

    /// Delivers under this key: 1 to 256 characters in Kinesis.
    #[must_use]
    pub fn partition_key(mut self, key: impl Into<String>) -> Self {
        self.partition_key = Some(key.into());
        self
    }

    /// Delivers to the route of this name. One that the deployment doesn't configure is a
    /// permanent failure of the event.
    #[must_use]
    pub fn route(mut self, name: impl Into<String>) -> Self {
        self.route = Some(name.into());
        self
    }
}

impl From<Vec<u8>> for Output {
    fn from(data: Vec<u8>) -> Self {
        Self::new(data)
    }
}

impl From<String> for Output {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

/// What a transform's function may return: an [`Outcome`] or what stands for one, or a `Result` of that.
///
/// The rule for a `Result`: `Ok` is the outcome; `Err` is a reject, unless it is an
/// [`Error::Retry`]. A bare `String` is no error type of its own: [`OrElse`](crate::OrElse) turns
/// anything that can be displayed into an [`Error`].
#[diagnostic::on_unimplemented(
    message = "a transform can't return `{Self}`",
    label = "has to return `Outcome`, `Json<T>`, an `Option` of these, or a `Result` of these",
    note = "`E` is `kinesieve_sdk::Error`, or any error that implements `std::error::Error`"
)]
pub trait IntoOutcome {
    /// The outcome that the processor gets.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

/// `None` drops the event.
impl<T: IntoOutcome> IntoOutcome for Option<T> {
    fn into_outcome(self) -> Outcome {
        self.map_or(Outcome::Drop, IntoOutcome::into_outcome)
    }
}

impl<T: IntoOutcome, E: Into<Error>> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Outcome {
        match self.map_err(Into::into) {
            Ok(outcome) => outcome.into_outcome(),
            Err(Error::Retry(why)) => Outcome::Retry(why),
            Err(Error::Reject(why)) => Outcome::Reject(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_goes_where_it_is_told() {
        let output = Output::new("x").partition_key("k").route("audit");
        assert_eq!(output.data, b"x");
        assert_eq!(output.partition_key.as_deref(), Some("k"));
        assert_eq!(output.route.as_deref(), Some("audit"));
    }

    #[test]
    fn an_error_rejects_unless_it_asks_for_a_retry() {
        let foreign: Result<Outcome, _> = "x".parse::<u8>().map(|_| Outcome::Keep);
        assert_eq!(foreign.into_outcome(), Outcome::reject("invalid digit found in string"));
        let retry: Result<Outcome, _> = Err(Error::retry("not yet"));
        assert_eq!(retry.into_outcome(), Outcome::retry("not yet"));
        let fine: Result<Outcome, Error> = Ok(Outcome::Drop);
        assert_eq!(fine.into_outcome(), Outcome::Drop);
    }
}
