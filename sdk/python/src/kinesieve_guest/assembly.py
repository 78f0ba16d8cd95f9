"""From the author's module to the component that each instance begins with."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from typing import Any

import kinesieve_sdk
from kinesieve_guest import failures, files, logs, randomness
from kinesieve_guest.author import fold_of, transform_of
from kinesieve_guest.component import Component, TransformComponent
from kinesieve_guest.importer import ArchiveImporter
from kinesieve_guest.plan import Plan
from kinesieve_sdk import Err

# What the runtime around the interpreter imports once we are done.
IMPORTED_LATER = ("componentize_py_async_support.futures", "componentize_py_async_support.streams", "random", "weakref")


def assemble(plan: Plan, importer: ArchiveImporter) -> Component:
    """Imports the author's module, and leaves the interpreter as an instance needs it."""
    explained = failures.Failures(shows_all=plan.SHOWS_ALL, why=plan.NATIVE)
    bind_host = _bound_to_contract()
    files.install(importer.archive)
    logs.install()
    seed_anew = randomness.watched()

    module = importlib.import_module(plan.MODULE)
    made: type[Component]
    if plan.IS_OF_WINDOWS:
        # A transform of records needs none of it.
        from kinesieve_guest.fold import FoldComponent, bind_windows

        bind_windows()
        author, made = fold_of(module, plan), FoldComponent
    else:
        author, made = transform_of(module, plan), TransformComponent

    for name in IMPORTED_LATER:
        importlib.import_module(name)
    importer.adopt(list(sys.modules.values()))
    # There is nothing to be found in folders any more.
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    sys.excepthook = explained.hook

    def begin() -> None:
        bind_host()
        seed_anew()

    component = made(author, begin, explained)
    # The collector need not look at what stays for good, which would make each instance copy it.
    gc.collect()
    gc.freeze()
    return component


def _bound_to_contract() -> Callable[[], None]:
    """Makes our classes those of the contract's bindings; answers what makes the processor's functions ours.

    The runtime looks for the classes after us, and code that imports them from the bindings gets ours as well.
    """
    types: Any = importlib.import_module("wit_world.imports.types")
    host: Any = importlib.import_module("wit_world.imports.host")
    runtime: Any = importlib.import_module("componentize_py_types")
    for name in ("Event", "Output", "Outcome"):
        setattr(types, name, getattr(kinesieve_sdk, name))
    for name in ("Keep", "Drop", "Emit", "Retry", "Reject"):
        setattr(types, f"Outcome_{name}", getattr(kinesieve_sdk, name))
    types.Err = host.Err = runtime.Err = Err
    host.Level, host.Shard = kinesieve_sdk.Level, kinesieve_sdk.Shard

    def bind_host() -> None:
        kinesieve_sdk.host._log = host.log
        kinesieve_sdk.host._current_shard = host.current_shard

    return bind_host
