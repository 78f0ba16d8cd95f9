//! How `?` chooses between a retry and a reject.

use std::fmt::{self, Display, Formatter};

/// Why a function has no outcome, and what becomes of the event.
///
/// Any error that implements [`std::error::Error`] turns into [`Error::Reject`] by `?`: the same
/// bytes would fail the same way again. [`OrElse`] chooses otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The event, and all that follow it in its shard, come again.
    Retry(String),
    /// The event can never be processed: it goes to the dead letters.
    Reject(String),
}

impl Error {
    /// Have the event come again. The text says why.
    pub fn retry(why: impl Display) -> Self {
        Self::Retry(why.to_string())
    }

    /// Dead-letter the event. The text says why.
    pub fn reject(why: impl Display) -> Self {
        Self::Reject(why.to_string())
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(why) => write!(f, "retry: {why}"),
            Self::Reject(why) => write!(f, "reject: {why}"),
        }
    }
}

// This is why `Error` itself doesn't implement `std::error::Error`: the two would overlap.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            why.push_str(": ");
            why.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Reject(why)
    }
}

/// Says on the spot what a failure means for the event, whatever its error type.
///
/// ```
/// use kinesieve_sdk::{Error, OrElse};
///
/// fn lookup(table: Option<&[u8]>, index: &str) -> Result<u8, Error> {
///     let table = table.ok_or("the table is not loaded yet").or_retry()?;
///     let index: usize = index.parse().or_reject()?;
///     table.get(index).copied().ok_or("outside the table").or_reject()
/// }
///
/// assert_eq!(lookup(None, "0"), Err(Error::retry("the table is not loaded yet")));
/// assert_eq!(lookup(Some(b""), "0"), Err(Error::reject("outside the table")));
/// ```
pub trait OrElse<T> {
    /// A failure has the event come again.
    ///
    /// # Errors
    ///
    /// [`Error::Retry`] with the failure's text.
    fn or_retry(self) -> Result<T, Error>;

    /// A failure dead-letters the event.
    ///
    /// # Errors
    ///
    /// [`Error::Reject`] with the failure's text.
    fn or_reject(self) -> Result<T, Error>;
}

impl<T, E: Display> OrElse<T> for Result<T, E> {
    fn or_retry(self) -> Result<T, Error> {
        self.map_err(Error::retry)
    }

    fn or_reject(self) -> Result<T, Error> {
        self.map_err(Error::reject)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_foreign_error_rejects_with_its_causes() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl Display for Outer {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("can't read the record")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(
            Error::from(Outer(io::Error::other("cut short"))),
            Error::reject("can't read the record: cut short")
        );
    }
}
