"""The virtual environment of a project: the tool that makes components, and the packages that come into them.

Both lie in folders of their own below `.venv/kinesieve`, so that what an author installs into the environment besides,
such as a type checker, does not come into the component. The environment can import the packages as well, and the SDK:
that is for editors and type checkers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .problem import BuildProblem, note

COMPONENTIZE_PY = "componentize-py==0.25.1"
# Changed with what is kept below `.venv/kinesieve`.
FORM = "1"
SDK = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Environment:
    """What a build needs, all of it there."""

    python: Path
    tools: Path
    packages: Path
    exchange: Path

    @classmethod
    def prepare(cls, folder: Path, requirements: Path) -> Environment:
        """Makes the environment, or what of it is missing or was made for other requirements."""
        python = _virtual_environment(folder)
        kept = folder / "kinesieve"
        environment = cls(python, kept / "tools", kept / "packages", kept / "exchange")
        environment.exchange.mkdir(parents=True, exist_ok=True)
        tool_stamp = _stamp(COMPONENTIZE_PY)
        if _is_new(environment.tools, tool_stamp):
            _install(python, environment.tools, [COMPONENTIZE_PY], tool_stamp)
            (environment.exchange / "library.archive").unlink(missing_ok=True)
        texts = _texts(requirements)
        stamp = _stamp(*texts)
        if _is_new(environment.packages, stamp):
            wanted = ["--requirement", str(requirements)] if any(map(_has_requirements, texts)) else []
            _install(python, environment.packages, wanted, stamp)
            (environment.exchange / "packages.archive").unlink(missing_ok=True)
            for name, file in sorted(native_modules(environment.packages).items()):
                note(f"`{name}` ({file}) is compiled for this machine, and left out of the component")
        _show_to_editors(python, environment.packages)
        return environment


def _virtual_environment(folder: Path) -> Path:
    """The interpreter of the environment, which is made if it is missing, broken or too old."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists() and _version(python) >= (3, 10):
        return python
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise BuildProblem(
                f"Python {version} ({sys.executable}) has no module `{module}`, which makes virtual environments: "
                f"on Debian and Ubuntu, `apt install python{version}-venv` brings it"
            )
    if folder.exists():
        note(f"{folder} does not work any more, or is of an old Python, and is made anew")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], stdout=sys.stderr)
    if made.returncode != 0:
        raise BuildProblem(f"the virtual environment {folder} can't be made: what Python says stands above")
    return python


def _version(python: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([python, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return (0,)
    found = re.match(r"Python (\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0,)


def _install(python: Path, folder: Path, wanted: list[str], stamp: str) -> None:
    """Installs into an empty folder, which has its stamp only when all of it is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if wanted:
        # pip draws a bar on a terminal. Elsewhere a line for each package has to do.
        plain = [] if sys.stderr.isatty() else ["--progress-bar", "off", "--no-color"]
        command: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            *plain,
        ]
        command += ["--target", folder, *wanted]
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_USER")}
        installed = subprocess.run(command, stdout=sys.stderr, env=environment)
        if installed.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise BuildProblem(f"pip can't install {' '.join(wanted[-1:])}: what it says stands above")
    (folder / ".stamp").write_text(stamp)


def _is_new(folder: Path, stamp: str) -> bool:
    try:
        return (folder / ".stamp").read_text() != stamp
    except FileNotFoundError:
        return True


def _stamp(*texts: str) -> str:
    parts = [FORM, sys.version, str(Path.cwd()), *texts]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _texts(requirements: Path) -> list[str]:
    """The requirements, with the files that they name."""
    texts: list[str] = []
    left, seen = [requirements], set[Path]()
    while left:
        file = left.pop()
        if file in seen:
            continue
        seen.add(file)
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            # That there is none is fine. What another one names is for pip to complain about.
            text = ""
        texts.append(text)
        for name in re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", text, re.MULTILINE):
            left.append(file.parent / name)
    return texts


def _has_requirements(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())


def native_modules(packages: Path) -> dict[str, str]:
    """Modules that are compiled for the machine of the build, with their files."""
    found = {}
    for file in packages.rglob("*"):
        if file.suffix in (".so", ".pyd") and file.is_file():
            place = file.relative_to(packages)
            module = ".".join([*place.parent.parts, place.name.partition(".")[0]])
            found[module] = place.as_posix()
    return found


def _show_to_editors(python: Path, packages: Path) -> None:
    """Lets the environment import the SDK and the packages."""
    for site in python.parent.parent.glob("lib*/python*/site-packages"):
        text = f"{SDK}\n{packages.resolve()}\n"
        file = site / "kinesieve.pth"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
