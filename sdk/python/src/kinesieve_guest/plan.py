"""What the build says."""

from typing import Protocol


class Plan(Protocol):
    """The module `kinesieve_plan`, which the build writes."""

    IS_OF_WINDOWS: bool
    """Whether the author's class is a `Fold`, and no `Transform`."""
    MODULE: str
    """The author's module."""
    SOURCES: str
    """Where the folder with it lies."""
    SOURCES_NAME: str
    """How that folder is called in the project."""
    PACKAGES: str
    SDK: str
    EXCHANGE: str
    """The folder of `kinesieve_plan`, where caches are and a report goes."""
    NATIVE: dict[str, str]
    """Modules of packages that are compiled for the machine of the build, with why they are left out."""
    SHOWS_ALL: bool
    """Whether tracebacks have all of their frames."""
