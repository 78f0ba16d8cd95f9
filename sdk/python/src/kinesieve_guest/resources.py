"""Data files and metadata of packages, as the standard library asks for them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from importlib.resources.abc import Traversable, TraversableResources
from typing import IO, Any

from .archive import Archive


class Reader(TraversableResources):
    """The files of a package."""

    def __init__(self, archive: Archive, path: str) -> None:
        self._archive = archive
        self._path = path

    def files(self) -> Traversable:
        return Place(self._archive, self._path)


class Place(Traversable):
    """A file or a folder of the archive."""

    def __init__(self, archive: Archive, path: str) -> None:
        self._archive = archive
        self._path = path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        return self._path in self._archive.files

    def is_dir(self) -> bool:
        return any(True for _ in self._below())

    def iterdir(self) -> Iterator[Place]:
        names = {path.partition("/")[0] for path in self._below()}
        return (Place(self._archive, f"{self._path}/{name}") for name in sorted(names))

    def joinpath(self, *descendants: Any) -> Place:
        parts = self._path.split("/")
        for part in "/".join(str(descendant) for descendant in descendants).split("/"):
            if part == "..":
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return Place(self._archive, "/".join(parts))

    __truediv__ = joinpath

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
        content = io.BytesIO(self._archive.read(self._path))
        return content if "b" in mode else io.TextIOWrapper(content, *arguments, **options)

    def read_bytes(self) -> bytes:
        return self._archive.read(self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        with self.open("r", encoding=encoding or "utf-8", errors=errors) as stream:
            text: str = stream.read()
        return text

    def __str__(self) -> str:
        return self._path

    def _below(self) -> Iterator[str]:
        start = f"{self._path}/"
        return (path.removeprefix(start) for path in self._archive.files if path.startswith(start))


class PackedDistribution(Distribution):
    """What `NAME-VERSION.dist-info` of a package says."""

    def __init__(self, archive: Archive, path: str) -> None:
        self._archive = archive
        self._path = path

    def read_text(self, filename: Any) -> str | None:
        path = f"{self._path}/{filename}"
        return self._archive.read(path).decode() if path in self._archive.files else None

    def locate_file(self, path: Any) -> Any:
        return Place(self._archive, self._path.rpartition("/")[0]) / path


def distributions(archive: Archive, name: str | None) -> Iterator[Distribution]:
    """The packages of a name, or all of them."""
    wanted = None if name is None else _normalized(name)
    for path in archive.files:
        folder = path.removesuffix("/METADATA")
        if folder == path or not folder.endswith(".dist-info"):
            continue
        found = folder.rpartition("/")[2].partition("-")[0]
        if wanted is None or _normalized(found) == wanted:
            yield PackedDistribution(archive, folder)


def _normalized(name: str) -> str:
    """One spelling for all that a package's name may have."""
    return re.sub(r"[-_.]+", "-", name).lower()
