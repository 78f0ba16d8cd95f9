//! Files: read whole up to a limit, whatever they are, since a device or a pipe may have no end; and told from each other.

mod identity;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytesize::ByteSize;
#[cfg(feature = "compiler")]
use sha2::{Digest, Sha256};

pub(crate) use identity::is_same_file;

/// Returns the bytes of a file, if it has no more than `limit` of them.
///
/// # Errors
/// When it can't be read; when it has more, as [`io::ErrorKind::FileTooLarge`], with its size, if the system knows it,
/// and the limit. No more than the limit is ever read. The message does not name the file.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    if size > limit {
        return Err(too_large(&format!("it has {}", ByteSize::b(size).display().iec()), limit));
    }
    // One more than it may have, so that one read too many is noticed. What it has at the moment is but a hint.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large("it goes on", limit));
    }
    Ok(bytes)
}

/// Returns the text of a file, like [`read_bounded`].
///
/// # Errors
/// When the file can't be read, is longer than the limit, or is not UTF-8.
pub(crate) fn read_text_bounded(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read_bounded(path, limit)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8: {}", error.utf8_error())))
}

/// Writes a file beside its place and moves it there, so that no half-written file ever has the name.
///
/// # Errors
/// When it can't be written. What lay there before stays then.
#[cfg(feature = "compiler")]
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = std::path::PathBuf::from(partial);
    std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path))
}

/// Returns the SHA-256 of what a file holds, in hexadecimal.
#[cfg(feature = "compiler")]
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns a digest in hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the error of a file that is larger than what is read of such a file.
pub(crate) fn too_large(found: &str, limit: u64) -> io::Error {
    let limit = ByteSize::b(limit).display().iec();
    io::Error::new(io::ErrorKind::FileTooLarge, format!("{found}, and no more than {limit} of such a file are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "x".repeat(1024)).expect("written");
        assert_eq!(read_text_bounded(&path, 1024).expect("read").len(), 1024);
        let error = read_bounded(&path, 1023).expect_err("too large");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it has 1.0 KiB, and no more than 1023 B of such a file are read");
        std::fs::write(&path, b"\xff").expect("written");
        assert_eq!(read_text_bounded(&path, 9).expect_err("no text").kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn what_has_no_end_is_given_up_at_the_limit() {
        let error = read_bounded(Path::new("/dev/zero"), 1 << 20).expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it goes on, and no more than 1.0 MiB of such a file are read");
    }
}
