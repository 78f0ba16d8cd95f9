"""From the folders that the build has to an archive that all imports go through."""

from __future__ import annotations

import os
import sys

from kinesieve_guest import archive
from kinesieve_guest.importer import AbsentModules, ArchiveImporter, install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kinesieve_guest.plan import Plan

# What of the standard library has no use in a component, or can't be imported there: it is not taken along.
LEFT_OUT = {
    "ctypes": "it is compiled code that this Python was built without",
    "curses": "there is no terminal",
    "dbm": "there are no files",
    "ensurepip": "packages are installed by the build",
    "idlelib": "there is no screen",
    "multiprocessing": "there are no processes",
    "pydoc_data": "it is for a terminal",
    "ssl": "there is no network",
    "test": "it is the tests of Python itself",
    "tkinter": "there is no screen",
    "turtle": "there is no screen",
    "turtledemo": "there is no screen",
    "venv": "packages are installed by the build",
}
NOT_BUILT = "it is compiled code that this Python was built without"
ABSENT = LEFT_OUT | {
    "_bz2": NOT_BUILT,
    "_ctypes": NOT_BUILT,
    "_curses": "there is no terminal",
    "_dbm": NOT_BUILT,
    "_gdbm": NOT_BUILT,
    "_lzma": NOT_BUILT,
    "_multiprocessing": "there are no processes",
    "_posixsubprocess": "there are no processes",
    "_ssl": "there is no network",
    "_tkinter": "there is no screen",
    "_zstd": NOT_BUILT,
    "fcntl": "there are no files",
    "mmap": NOT_BUILT,
    "readline": "there is no terminal",
    "resource": "there are no processes",
    "syslog": "there is no system log: `logging` writes to the processor's",
    "termios": "there is no terminal",
}
OTHER_SYSTEMS = ("aix", "android", "apple", "ios", "osx")
# Of the interpreter's folder: what is for other systems, and what is no module.
OTHERS = frozenset(
    f"{name}{end}"
    for end in ("", ".py")
    for name in (*LEFT_OUT, "__hello__", "__phello__", *(f"_{system}_support" for system in OTHER_SYSTEMS))
) | {"site-packages", "LICENSE.txt", "config-3.14-wasm32-wasi"}
SDK_OF_THE_BUILD = frozenset(["kinesieve_sdk/build", "kinesieve_sdk/wit"])

# The interpreter of componentize-py, and what it generates of the contract.
LIBRARY = "/python"
BINDINGS = ("/world", "/bundled")


class Unfinished(Exception):
    """Archives were made, and the component is to be made in a run of its own."""


def prepare(plan: Plan) -> ArchiveImporter:
    """Packs everything, and makes the archive what imports go through."""
    _make_missing(plan)
    everything = archive.gather(plan.SOURCES, f"/{plan.SOURCES_NAME}", frozenset(), is_own=True, level=6)
    everything.update(_read(plan, "library"))
    for folder in (*BINDINGS, plan.SDK):
        everything.update(archive.gather(folder, "/kinesieve-sdk", SDK_OF_THE_BUILD, is_own=False, level=6))
    everything.update(_read(plan, "packages"))
    importer = ArchiveImporter(everything)
    install(importer, AbsentModules(ABSENT | plan.NATIVE))
    return importer


def _make_missing(plan: Plan) -> None:
    """Packs what does not change from build to build: the build removes an archive when it does.

    Memory that compiling took and gave back would be a part of the component, and of each instance. So the run that
    does it makes no component.
    """
    is_missing = False
    for name, folder, path, skipped in (
        ("library", LIBRARY, "/python", OTHERS),
        ("packages", plan.PACKAGES, "/site-packages", frozenset(["bin"])),
    ):
        file = _file(plan, name)
        if os.path.exists(file):
            continue
        is_missing = True
        # A build that is stopped half-way leaves no half of it behind.
        with open(f"{file}.new", "wb") as stream:
            archive.gather(folder, path, skipped, is_own=False, level=9).dump(stream)
        os.rename(f"{file}.new", file)
    if is_missing:
        raise Unfinished


def _read(plan: Plan, name: str) -> archive.Archive:
    with open(_file(plan, name), "rb") as stream:
        return archive.Archive.load(stream)


def _file(plan: Plan, name: str) -> str:
    return f"{plan.EXCHANGE}/{name}.archive"


class reported:  # noqa: N801
    """Leaves what goes wrong where the build shows it: componentize-py would bury it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, Unfinished):
            return
        if isinstance(error, archive.Unreadable):
            error = error.error
        # Through the archive, or from the files if it did not come that far.
        from kinesieve_guest.failures import Failures

        sys.path += [path for path in [self.plan.SDK] if path not in sys.path]
        report = Failures(shows_all=self.plan.SHOWS_ALL, why=self.plan.NATIVE).report(error)
        with open(f"{self.plan.EXCHANGE}/report.txt", "w", encoding="utf-8", errors="replace") as stream:
            stream.write(report)
