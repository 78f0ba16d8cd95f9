"""`open` for the files of the project and of its packages, which are in the archive."""

from __future__ import annotations

import builtins
import io
import os
from typing import IO, Any

from .archive import Archive


def install(archive: Archive) -> None:
    """Lets `open`, and with it `pathlib`, read from the archive what is not there as a file."""
    open_file = builtins.open

    def open_(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
        try:
            return open_file(file, mode, *arguments, **options)
        except OSError:
            if not isinstance(file, (str, bytes, os.PathLike)) or set(mode) & set("wax+"):
                raise
            path = os.path.normpath(os.path.join("/", os.fsdecode(file)))
            if path not in archive.files:
                raise
        content = io.BytesIO(archive.read(path))
        if "b" in mode:
            return content
        names = ("buffering", "encoding", "errors", "newline")
        options |= dict(zip(names, arguments, strict=False))
        options = {name: options[name] for name in names[1:] if name in options}
        return io.TextIOWrapper(content, **options)

    open_.__name__ = open_.__qualname__ = "open"
    builtins.open = io.open = open_  # type: ignore[assignment]
