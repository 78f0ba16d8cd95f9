"""The component: what componentize-py is told, and what is shown of what it says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from .environment import SDK, Environment, native_modules
from .kind import is_of_windows
from .moments import moments
from .problem import BuildProblem, note

CONTRACT = SDK / "kinesieve_sdk" / "wit"
ENTRY = "kinesieve_guest.app"
# What the other side packs once, and reads in each build.
ARCHIVES = ("library", "packages")
WHY_NOT = (
    "{} is compiled for the machine of the build, and left out, since a component runs pure Python alone: take another "
    "package, or another release of this one"
)
# The most of what the tool says that is shown when it fails for a reason of its own.
MOST_SHOWN = 4000


def build(environment: Environment, source: Path, module: str, output: Path, full_tracebacks: bool) -> None:
    """Makes the component, unless it is there and nothing changed since.

    `full_tracebacks`: tracebacks of the component have all of their frames, those of the SDK too.
    """
    file = source.joinpath(*module.split(".")).with_suffix(".py")
    if not file.is_file():
        raise BuildProblem(f"{file} is missing: it is to hold the class `Transform` or `Fold`")
    state = environment.exchange / "state.txt"
    state_now = _state(environment, source, module, full_tracebacks)
    if output.is_file() and state.is_file() and state.read_text() == f"{state_now} {_digest(output.read_bytes())}":
        return
    for python_file in sorted(source.rglob("*.py")):
        for line, what in moments(python_file):
            note(f"{python_file}:{line}: `{what}` stands outside of functions, so all instances have that of the build")
    windows = is_of_windows(file)
    world = "window-transform" if windows else "record-transform"
    report = environment.exchange / "report.txt"
    report.unlink(missing_ok=True)
    _write_plan(environment, source, module, windows, full_tracebacks)
    _forget_archives_of_another_sdk(environment)
    if not _is_packed(environment):
        print("componentize-py packs the standard library and the packages, once", file=sys.stderr)
        # It makes no component then, which looks as if it failed.
        made = _componentize(environment, source, world, output)
    if _is_packed(environment) and not report.is_file():
        print(f"componentize-py makes {output}", file=sys.stderr)
        made = _componentize(environment, source, world, output)
    if report.is_file():
        raise BuildProblem(f"{file} can't be imported:\n{report.read_text(encoding='utf-8').rstrip()}")
    if made.returncode != 0:
        said = f"{made.stdout}{made.stderr}".strip()
        raise BuildProblem(f"componentize-py failed:\n{said[:MOST_SHOWN]}")
    state.write_text(f"{state_now} {_digest(output.read_bytes())}")


def _forget_archives_of_another_sdk(environment: Environment) -> None:
    packers = [(SDK / "kinesieve_guest" / name).read_bytes() for name in ("archive.py", "setup.py")]
    digest = _digest(b"".join(packers))
    stamp = environment.exchange / "packers.txt"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    for name in ARCHIVES:
        (environment.exchange / f"{name}.archive").unlink(missing_ok=True)
    stamp.write_text(digest)


def _is_packed(environment: Environment) -> bool:
    return all((environment.exchange / f"{name}.archive").exists() for name in ARCHIVES)


def _componentize(environment: Environment, source: Path, world: str, output: Path) -> subprocess.CompletedProcess[str]:
    # It looks for packages in a virtual environment, and in that of the machine if there is none: it gets an empty one.
    empty = environment.exchange / "empty"
    (empty / "site-packages").mkdir(parents=True, exist_ok=True)
    variables = os.environ | {"PYTHONPATH": str(environment.tools.resolve()), "VIRTUAL_ENV": str(empty)}
    code = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
    command: list[str | Path] = [environment.python, "-c", code]
    command += ["--wit-path", CONTRACT, "--world", world, "componentize", ENTRY]
    # In this order: `_write_plan` says so to the other side.
    for folder in (SDK, source, environment.packages, environment.exchange):
        command += ["--python-path", folder]
    command += ["--output", output]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=variables)


def _write_plan(environment: Environment, source: Path, module: str, windows: bool, full_tracebacks: bool) -> None:
    plan = {
        "IS_OF_WINDOWS": windows,
        "MODULE": module,
        "SDK": "/0",
        "SOURCES": "/1",
        "SOURCES_NAME": source.name,
        "PACKAGES": "/2",
        "EXCHANGE": "/3",
        "NATIVE": {name: WHY_NOT.format(file) for name, file in native_modules(environment.packages).items()},
        "SHOWS_ALL": full_tracebacks,
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in plan.items())
    (environment.exchange / "kinesieve_plan.py").write_text(text, encoding="utf-8")


def _state(environment: Environment, source: Path, module: str, full_tracebacks: bool) -> str:
    """A digest of all that the component is made of."""
    digest = hashlib.sha256()
    for stamp in (environment.tools, environment.packages):
        digest.update((stamp / ".stamp").read_bytes())
    digest.update(repr((module, source.name, full_tracebacks)).encode())
    for folder in (SDK, source):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(folder)}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
