//! The body of an object, as far as it is read.

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};

/// Why a body is not there.
#[derive(Debug, thiserror::Error)]
pub(in crate::source) enum BodyError {
    /// It is longer than what is read of one, whatever its length was said to be.
    #[error("it has more than the {0} bytes that are read of one")]
    TooLong(usize),
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] ByteStreamError),
}

/// Returns all of a body that has no more than so many bytes.
pub(in crate::source) async fn read(mut body: ByteStream, most_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut content = Vec::new();
    while let Some(bytes) = body.try_next().await? {
        if bytes.len() > most_bytes - content.len() {
            return Err(BodyError::TooLong(most_bytes));
        }
        content.extend_from_slice(&bytes);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_a_bound() {
        let body = || ByteStream::from_static(b"12345");
        assert_eq!(read(body(), 5).await.expect("it is short enough"), b"12345");
        assert!(matches!(read(body(), 4).await, Err(BodyError::TooLong(4))));
    }
}
