"""The packages of the SDKs: crates for Rust, a wheel and its source for Python, a package for npm."""

import os
import shutil
import subprocess
import sys

from release import PAGES, ROOT, TIME

# Published in this order: the first one is what the second one is made with.
CRATES = ["kinesieve-sdk-macros", "kinesieve-sdk"]


def build(stage, out):
    """Packs the SDK of each language; gives the files."""
    return [*_crates(stage, out), *_python(stage, out), _javascript(stage, out)]


def _crates(stage, out):
    """Packs the crates, and compiles what was packed."""
    target = stage / "crates"
    # A checkout with changes can be tried too; `cargo publish` refuses one.
    command = ["cargo", "package", "--quiet", "--allow-dirty", "--manifest-path", ROOT / "transforms/Cargo.toml"]
    named = [argument for crate in CRATES for argument in ["--package", crate]]
    subprocess.run([*command, "--target-dir", target, *named], check=True, cwd=ROOT)
    return [_moved(target / "package", f"{crate}-*.crate", out) for crate in CRATES]


def _python(stage, out):
    """Packs the source, and the wheel of it."""
    folder = _copied(stage, "python")
    built = stage / "sdk-python-packages"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(TIME)}
    command = [sys.executable, "-m", "build", "--sdist", "--wheel", "--outdir", built, folder]
    # From another folder: one with a build.py would be taken for the package of that name.
    subprocess.run(command, check=True, cwd=stage, env=environment, stdout=subprocess.DEVNULL)
    return [_moved(built, "*.tar.gz", out), _moved(built, "*.whl", out)]


def _javascript(stage, out):
    folder = _copied(stage, "javascript")
    built = stage / "sdk-javascript-packages"
    built.mkdir()
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", built], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return _moved(built, "*.tgz", out)


def _copied(stage, language):
    """A copy with the licence, and with files where the source has links: what packs does not follow them."""
    folder = stage / f"sdk-{language}"
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", "package-lock.json", ".*", "*.egg-info")
    shutil.copytree(ROOT / "sdk" / language, folder, ignore=ignored)
    shutil.copy(ROOT / PAGES[0], folder)
    for path in folder.rglob("*"):
        os.utime(path, (TIME, TIME))
    return folder


def _moved(folder, pattern, out):
    """Takes the one package of this name there."""
    [found] = folder.glob(pattern)
    return shutil.move(found, out / found.name)
