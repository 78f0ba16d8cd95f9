"""What all packages of a release have in common: version, architectures, what is said of it, and files that are the same each time."""

import gzip
import hashlib
import io
import os
import pathlib
import tarfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The version of the C library that programs need at least: Debian 10, RHEL 8 and whatever is younger have it, Amazon Linux
# 2023 has 2.34.
C_LIBRARY = "2.28"

# Each architecture as Lambda calls it, with what others call it.
ARCHITECTURES = {
    "x86_64": {"rust": "x86_64-unknown-linux-gnu", "wheel": "x86_64", "npm": "x64"},
    "arm64": {"rust": "aarch64-unknown-linux-gnu", "wheel": "aarch64", "npm": "arm64"},
}

# The licence and the pages that go along.
PAGES = ["LICENSE", "README.md", "CHANGELOG.md"]

# 2026-01-01: what is packed has a time, and it must not be that of the build.
TIME = 1_767_225_600

with open(ROOT / "Cargo.toml", "rb") as manifest:
    _PACKAGE = tomllib.load(manifest)["package"]
VERSION = _PACKAGE["version"]
DESCRIPTION = _PACKAGE["description"]
REPOSITORY = _PACKAGE["repository"]
LICENSE = _PACKAGE["license"]
KEYWORDS = ["kinesis", "lambda", "webassembly", "stream-processing", "aws"]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed_files(stage, architecture):
    """The files of an installation, each with its path below the prefix and whether it is a program."""
    yield "bin/kinesieve", stage / architecture / "kinesieve", True
    for function in ARCHITECTURES:
        bootstrap = stage / function / "bootstrap"
        if bootstrap.is_file():
            yield f"lib/kinesieve/bootstrap-{function}", bootstrap, True


def write_tar(path, files):
    """Writes a .tar.gz of (name, file, is a program), in one order, with one time and no owner."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file, is_program in sorted(files):
            content = pathlib.Path(file).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), TIME
            entry.mode = 0o755 if is_program else 0o644
            archive.addfile(entry, io.BytesIO(content))
    with open(path, "wb") as out, gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=TIME) as packed:
        packed.write(buffer.getvalue())


def place(source, destination, is_program=False):
    """Copies a file, with the folders above it."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(pathlib.Path(source).read_bytes())
    destination.chmod(0o755 if is_program else 0o644)
    os.utime(destination, (TIME, TIME))


def write(destination, text):
    """Writes a text, with the folders above it."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_text(text, encoding="utf-8")
    os.utime(destination, (TIME, TIME))
