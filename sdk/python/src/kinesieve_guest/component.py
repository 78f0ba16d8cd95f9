"""The component: the functions of the contract, which call those of the author."""

from __future__ import annotations

import gc
import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import kinesieve_sdk
from kinesieve_guest import answers, failures, files, logs, randomness
from kinesieve_guest.importer import ArchiveImporter
from kinesieve_guest.plan import Plan
from kinesieve_sdk import Err, Event, Outcome, Settings

# What the runtime around the interpreter imports once we are done.
IMPORTED_LATER = ("componentize_py_async_support.futures", "componentize_py_async_support.streams", "random", "weakref")


class WrongModule(Exception):
    """The author's module is no transform."""


class Component:
    """What the processor calls."""

    def __init__(self, transform: type[Any], begin: Callable[[], None], explained: failures.Failures) -> None:
        self._transform = transform
        self._begin = begin
        self._explained = explained
        self.process: Callable[[Event], Outcome] = _not_configured

    def configure(self, settings: Settings) -> None:
        """Begins with an instance: makes the author's object, and gives it the settings."""
        self._begin()
        try:
            self._configure(settings)
        except Err as error:
            # The runtime knows this very class, and a text in it.
            raise Err(answers.reason(str(error.value), "Err")) from None
        except Exception as error:
            told = self._explained.report(error)
            sys.stderr.write(told)
            raise Err(told.splitlines()[0]) from None

    def _configure(self, settings: Settings) -> None:
        transform = self._transform()
        self.process = answers.checking(transform.process)
        if hasattr(transform, "configure"):
            transform.configure(settings)
            return
        for name, _ in settings:
            raise Err(f"unknown setting `{name}`: there are none")


def _not_configured(_event: Event) -> Outcome:
    raise RuntimeError("the processor calls `configure` first")


def assemble(plan: Plan, importer: ArchiveImporter) -> Component:
    """Imports the author's module, and leaves the interpreter as an instance needs it."""
    explained = failures.Failures(shows_all=plan.SHOWS_ALL, why=plan.NATIVE)
    bind_host = _bound_to_contract()
    files.install(importer.archive)
    logs.install()
    seed_anew = randomness.watched()

    transform = transform_of(importlib.import_module(plan.MODULE), plan)

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

    component = Component(transform, begin, explained)
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


def transform_of(module: ModuleType, plan: Plan) -> type[Any]:
    """The author's class, if it is one that can be called as the contract says."""
    path = f"{plan.SOURCES_NAME}/{plan.MODULE.replace('.', '/')}.py"
    transform = getattr(module, "Transform", None)
    if transform is None:
        near = [name for name, value in vars(module).items() if inspect.isclass(value) and hasattr(value, "process")]
        there = f"; there is `{near[0]}`: give it that name" if near else ""
        raise WrongModule(f"{path} has no class `Transform`, with a method `process(self, event)`{there}")
    if not inspect.isclass(transform):
        raise WrongModule(f"`Transform` in {path} is {answers.described(transform)}: it has to be a class")
    _check_signature(transform, "__init__", (), path)
    _check_signature(transform, "process", ("event",), path)
    if hasattr(transform, "configure"):
        _check_signature(transform, "configure", ("settings",), path)
    return transform


def _check_signature(transform: type[Any], name: str, parameters: tuple[str, ...], path: str) -> None:
    function = getattr(transform, name, None)
    wanted = f"`def {name}({', '.join(('self', *parameters))})`"
    if function is None:
        raise WrongModule(f"class `Transform` in {path} has no method `{name}`: write {wanted}")
    if not callable(function):
        raise WrongModule(f"`Transform.{name}` in {path} is {answers.described(function)}: write {wanted}")
    if inspect.iscoroutinefunction(function):
        raise WrongModule(f"`Transform.{name}` in {path} is `async`: write {wanted}, since nothing waits for it")
    if inspect.isgeneratorfunction(function):
        raise WrongModule(f"`Transform.{name}` in {path} has a `yield`: gather the outputs in a list, and return that")
    try:
        signature = inspect.signature(function)
        is_static = isinstance(inspect.getattr_static(transform, name), (staticmethod, classmethod))
        signature.bind(*(() if is_static else (None,)), *(None for _ in parameters))
    except TypeError:
        raise WrongModule(f"`Transform.{name}` in {path} takes {signature}: write {wanted}") from None
    except ValueError:
        # What is written in C says nothing of its parameters.
        pass
