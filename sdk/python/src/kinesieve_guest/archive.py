"""All modules and data files that can be imported or read without a file system, compressed.

A module is held compiled and packed, so that one that is never imported costs neither time nor a page of memory that an
instance has of its own.
"""

from __future__ import annotations

import marshal
import os
import zlib

# Only what the interpreter has loaded already is imported here: the rest of the standard library comes from an archive.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import BinaryIO


class Module:
    """A module as it is packed."""

    __slots__ = ("path", "is_package", "code")

    def __init__(self, path: str, is_package: bool, code: bytes | None) -> None:
        self.path = path
        self.is_package = is_package
        # None: a namespace package, which is a folder alone.
        self.code = code

    def load(self) -> CodeType | None:
        """Its compiled code."""
        return None if self.code is None else marshal.loads(zlib.decompress(self.code))


class Archive:
    """The modules by their names, and the other files by their paths."""

    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """A file's content."""
        try:
            return zlib.decompress(self.files[path])
        except KeyError:
            raise FileNotFoundError(44, "there are no files but those of the project and its packages", path) from None

    def update(self, other: Archive) -> None:
        """Takes in another one, whose modules come behind ours."""
        for name, module in other.modules.items():
            known = self.modules.get(name)
            # A namespace package may have parts in several places.
            if known is None or (known.code is None and module.code is not None):
                self.modules[name] = module
        self.files = other.files | self.files

    def dump(self, stream: BinaryIO) -> None:
        """Writes the archive into a file."""
        modules = {name: (module.path, module.is_package, module.code) for name, module in self.modules.items()}
        marshal.dump((modules, self.files), stream)

    @classmethod
    def load(cls, stream: BinaryIO) -> Archive:
        """Reads what `dump` wrote."""
        archive = cls()
        modules, archive.files = marshal.load(stream)
        archive.modules = {name: Module(*module) for name, module in modules.items()}
        return archive


class Unreadable(Exception):
    """A module has a syntax error."""

    def __init__(self, path: str, error: Exception) -> None:
        super().__init__(path, error)
        self.path = path
        self.error = error


def gather(folder: str, path: str, skipped: frozenset[str], *, is_own: bool, level: int) -> Archive:
    """Packs all that is in a folder. It stands under another path in the archive, and in tracebacks.

    The modules of the author have to be without errors. Packages bring along templates and modules for other versions
    of Python, which are left out.
    """
    archive = Archive()
    for file in _files(folder, "", skipped):
        with open(f"{folder}/{file}", "rb") as stream:
            content = stream.read()
        place = f"{path}/{file}"
        name = file.removesuffix(".py")
        if not file.endswith(".py") or "." in name:
            archive.files[place] = zlib.compress(content, level)
            continue
        if is_own:
            # A traceback shows its lines.
            archive.files[place] = zlib.compress(content, level)
        try:
            code = compile(content, place.removeprefix("/") if is_own else place, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            if is_own:
                raise Unreadable(place, error) from None
            continue
        name = name.replace("/", ".")
        is_package = name == "__init__" or name.endswith(".__init__")
        name = name.removesuffix(".__init__") if is_package else name
        archive.modules[name] = Module(place, is_package, zlib.compress(marshal.dumps(code), level))
    _add_namespaces(archive, path)
    return archive


def _files(folder: str, path: str, skipped: frozenset[str]) -> Iterator[str]:
    with os.scandir(f"{folder}/{path}") as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = entry.name
        place = f"{path}/{name}" if path else name
        if name.startswith(".") or name == "__pycache__" or place in skipped:
            continue
        if entry.is_dir():
            yield from _files(folder, place, skipped)
        elif not name.endswith((".pyc", ".pyi", ".so", ".pyd", ".dylib", ".dll", ".pth")):
            yield place


def _add_namespaces(archive: Archive, path: str) -> None:
    for name in list(archive.modules):
        while "." in name:
            name = name.rpartition(".")[0]
            if name not in archive.modules:
                place = f"{path}/{name.replace('.', '/')}"
                archive.modules[name] = Module(place, True, None)
