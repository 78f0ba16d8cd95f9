"""The author's class: found in the module, and looked at before anything calls it."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from kinesieve_guest import answers
from kinesieve_guest.plan import Plan


class WrongModule(Exception):
    """The author's module is no transform."""


def transform_of(module: ModuleType, plan: Plan) -> type[Any]:
    """The author's transform of records, if it is one that can be called as the contract says."""
    path = _path(plan)
    transform = _class_of(module, path, "Transform", "process", "`process(self, event)`")
    if not hasattr(transform, "process") and hasattr(transform, "accumulate"):
        raise WrongModule(f"class `Transform` in {path} has `accumulate`: a transform of windows is a class `Fold`")
    _check_signature(transform, "__init__", (), path)
    _check_signature(transform, "process", ("event",), path)
    if hasattr(transform, "configure"):
        _check_signature(transform, "configure", ("settings",), path)
    return transform


def fold_of(module: ModuleType, plan: Plan) -> type[Any]:
    """The author's transform of windows, if it is one that can be called as the contract says."""
    path = _path(plan)
    fold = _class_of(module, path, "Fold", "accumulate", "`accumulate(self, state, event)`")
    form = getattr(fold, "FORM", None)
    if not isinstance(form, str) or form == "":
        found = "no `FORM`" if not hasattr(fold, "FORM") else f"{answers.described(form)} as `FORM`"
        remedy = 'name the form of the state with its version, as "sums/1"'
        raise WrongModule(f"class `Fold` in {path} has {found}: {remedy}")
    answers.encodable(form, f"`FORM` of class `Fold` in {path}")
    _check_signature(fold, "__init__", (), path)
    _check_signature(fold, "begin", (), path)
    _check_signature(fold, "accumulate", ("state", "event"), path)
    _check_signature(fold, "finish", ("state", "window"), path)
    if hasattr(fold, "configure"):
        _check_signature(fold, "configure", ("settings",), path)
    return fold


def _path(plan: Plan) -> str:
    return f"{plan.SOURCES_NAME}/{plan.MODULE.replace('.', '/')}.py"


def _class_of(module: ModuleType, path: str, name: str, method: str, shown: str) -> type[Any]:
    found = getattr(module, name, None)
    if found is None:
        near = [name for name, value in vars(module).items() if inspect.isclass(value) and hasattr(value, method)]
        there = f"; there is `{near[0]}`: give it that name" if near else ""
        if not near and any(inspect.isclass(value) and hasattr(value, "accumulate") for value in vars(module).values()):
            there = "; a transform of windows is a class `Fold`, which the build looks for in this file itself"
        raise WrongModule(f"{path} has no class `{name}`, with a method {shown}{there}")
    if not inspect.isclass(found):
        raise WrongModule(f"`{name}` in {path} is {answers.described(found)}: it has to be a class")
    return found


def _check_signature(author: type[Any], name: str, parameters: tuple[str, ...], path: str) -> None:
    function = getattr(author, name, None)
    whole = f"`{author.__name__}.{name}` in {path}"
    wanted = f"`def {name}({', '.join(('self', *parameters))})`"
    if function is None:
        raise WrongModule(f"class `{author.__name__}` in {path} has no method `{name}`: write {wanted}")
    if not callable(function):
        raise WrongModule(f"{whole} is {answers.described(function)}: write {wanted}")
    if inspect.iscoroutinefunction(function):
        raise WrongModule(f"{whole} is `async`: write {wanted}, since nothing waits for it")
    if inspect.isgeneratorfunction(function):
        raise WrongModule(f"{whole} has a `yield`: gather the outputs in a list, and return that")
    try:
        signature = inspect.signature(function)
        is_static = isinstance(inspect.getattr_static(author, name), (staticmethod, classmethod))
        signature.bind(*(() if is_static else (None,)), *(None for _ in parameters))
    except TypeError:
        raise WrongModule(f"{whole} takes {signature}: write {wanted}") from None
    except ValueError:
        # What is written in C says nothing of its parameters.
        pass
