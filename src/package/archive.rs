//! The files of a package, as an archive that is the same to the byte whenever and wherever it is made.

use std::io::{self, Cursor, Write};
use std::path::Path;

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{MOST_UNPACKED_BYTES, PackageError, write_file};
use crate::files::sha256_hex;

/// What describes the others.
const DESCRIPTION: &str = "package.json";

/// A file of a package.
#[derive(Debug)]
pub(crate) struct PackageFile {
    /// Its path in the package.
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is a program.
    pub(crate) is_program: bool,
}

/// The files of a package, with the one that describes them.
#[derive(Debug)]
pub(crate) struct PackageFiles {
    files: Vec<PackageFile>,
}

impl PackageFiles {
    /// Adds `package.json`, by which a deployed function can be told apart: version, architecture, and the size and SHA-256
    /// of each file.
    pub(crate) fn new(architecture: &str, mut files: Vec<PackageFile>) -> Result<Self, PackageError> {
        let described: serde_json::Map<String, serde_json::Value> = files
            .iter()
            .map(|file| {
                let sha256 = sha256_hex(&file.bytes);
                (file.name.to_owned(), json!({"bytes": file.bytes.len(), "sha256": sha256}))
            })
            .collect();
        let description =
            json!({"kinesieve": env!("CARGO_PKG_VERSION"), "architecture": architecture, "files": described});
        let bytes = format!("{description:#}\n").into_bytes();
        files.push(PackageFile { name: DESCRIPTION, bytes, is_program: false });
        let bytes = files.iter().map(|file| file.bytes.len() as u64).sum();
        if bytes > MOST_UNPACKED_BYTES {
            let largest = files.iter().max_by_key(|file| file.bytes.len()).map_or("", |file| file.name).to_owned();
            return Err(PackageError::TooLarge { bytes, largest });
        }
        Ok(Self { files })
    }

    /// The names and sizes in bytes.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.files.iter().map(|file| (file.name, file.bytes.len()))
    }

    /// Writes them into a folder, which is made if it is missing.
    pub(crate) fn write_into(&self, folder: &Path) -> Result<(), PackageError> {
        let unwritable = |path: &Path, source| PackageError::Unwritable { path: path.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
        for file in &self.files {
            let path = folder.join(file.name);
            write_file(&path, &file.bytes)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let permissions = std::fs::Permissions::from_mode(file.mode());
                std::fs::set_permissions(&path, permissions).map_err(|source| unwritable(&path, source))?;
            }
        }
        Ok(())
    }

    /// Writes them as an archive; answers its size in bytes.
    pub(crate) fn write_archive(&self, path: &Path) -> Result<usize, PackageError> {
        let archive = self.archive().map_err(|source| PackageError::Unwritable { path: path.to_owned(), source })?;
        write_file(path, &archive)?;
        Ok(archive.len())
    }

    /// The archive: one order, no times, the permissions that Lambda needs.
    fn archive(&self) -> io::Result<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for file in &self.files {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .last_modified_time(DateTime::default())
                .unix_permissions(file.mode());
            writer.start_file(file.name, options)?;
            writer.write_all(&file.bytes)?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

impl PackageFile {
    fn mode(&self) -> u32 {
        if self.is_program { 0o755 } else { 0o644 }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn files() -> PackageFiles {
        let file = |name, is_program| PackageFile { name, bytes: name.repeat(1000).into_bytes(), is_program };
        PackageFiles::new("arm64", vec![file("bootstrap", true), file("transform.cwasm", false)]).expect("small")
    }

    #[test]
    fn the_archive_is_the_same_each_time_and_holds_what_went_in() {
        let archive = files().archive().expect("an archive");
        assert_eq!(archive, files().archive().expect("an archive"));
        let mut reading = zip::ZipArchive::new(Cursor::new(&archive)).expect("an archive");
        let names: Vec<_> = reading.file_names().map(|name| name.expect("UTF-8").into_owned()).collect();
        assert_eq!(names, ["bootstrap", "transform.cwasm", "package.json"]);
        let mut bootstrap = reading.by_name("bootstrap").expect("there");
        assert_eq!(bootstrap.unix_mode(), Some(0o100_755));
        let mut text = String::new();
        bootstrap.read_to_string(&mut text).expect("read");
        assert_eq!(text, "bootstrap".repeat(1000));
    }

    #[test]
    fn what_lambda_would_not_unpack_is_refused() {
        let bytes = vec![0; usize::try_from(MOST_UNPACKED_BYTES).expect("64 bits")];
        let file = PackageFile { name: "transform.cwasm", bytes, is_program: false };
        let error = PackageFiles::new("arm64", vec![file]).expect_err("too large").to_string();
        assert!(error.contains("what is large is transform.cwasm"), "{error}");
    }
}
