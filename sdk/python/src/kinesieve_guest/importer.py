"""Imports from the archive, and names what can't be imported."""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.metadata import Distribution, DistributionFinder
    from types import CodeType, ModuleType
    from typing import Any

    from .archive import Archive
    from .resources import Reader


class ArchiveImporter:
    """Finds modules in the archive, and loads them: what `sys.meta_path` and `__loader__` are."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How a module is loaded; None: it is not here."""
        module = self.archive.modules.get(name)
        if module is None:
            return None
        if module.code is None:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [module.path]
            return spec
        loader: Any = self
        spec = ModuleSpec(name, loader, origin=module.path, is_package=module.is_package)
        spec.has_location = True
        if module.is_package:
            spec.submodule_search_locations = [module.path.rpartition("/")[0]]
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """The usual kind of module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module."""
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        """The compiled code of a module."""
        code = self.archive.modules[name].load() if name in self.archive.modules else None
        if code is None:
            raise ImportError(f"there is no code of {name}", name=name)
        return code

    def get_source(self, name: str) -> str | None:
        """The text of a module, if it is the author's own: what a traceback shows lines of."""
        module = self.archive.modules.get(name)
        if module is None or module.path not in self.archive.files:
            return None
        return self.archive.read(module.path).decode("utf-8", "replace")

    def is_package(self, name: str) -> bool:
        """Whether a module may have modules below it."""
        return self.archive.modules[name].is_package

    def get_filename(self, name: str) -> str:
        """The path that a module would have."""
        return self.archive.modules[name].path

    def get_data(self, path: str) -> bytes:
        """A data file, for `pkgutil.get_data`."""
        return self.archive.read(path)

    def get_resource_reader(self, name: str) -> Reader:
        """The data files beside a module, for `importlib.resources`."""
        from .resources import Reader

        return Reader(self.archive, self.archive.modules[name].path.rpartition("/")[0])

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        """The packages by their metadata, for `importlib.metadata`."""
        from .resources import distributions

        return distributions(self.archive, None if context is None else context.name)

    def adopt(self, modules: Iterable[ModuleType]) -> None:
        """Becomes the loader of what was imported from a file that is not there later."""
        for module in modules:
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.has_location and spec.name in self.archive.modules:
                loader: Any = self
                spec.loader = module.__loader__ = loader


class AbsentModules:
    """The last of `sys.meta_path`: says why a module is not there, where it would be on another machine."""

    def __init__(self, why: Mapping[str, str]) -> None:
        self.why = why

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> None:
        """Raises what an import of it ends with."""
        why = self.why.get(name)
        if why is not None:
            raise ModuleNotFoundError(f"No module named {name!r} in a component: {why}", name=name)


def install(importer: ArchiveImporter, absent: AbsentModules) -> None:
    """Makes them what imports go through. What is built in or frozen comes first."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "PathFinder"]
    sys.meta_path += [importer, absent]
