"""The component of a transform of windows: the functions of the contract, which call those of the author."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from kinesieve_guest import answers, folding, state
from kinesieve_guest.component import Component
from kinesieve_guest.failures import Failures
from kinesieve_sdk import Emit, Ending, Err, Event, Reject, Retry, Settings, Window


class Folded:
    """An event is in the state."""

    __slots__ = ()


FOLDED = Folded()


def bind_windows() -> None:
    """Makes our classes those of the contract's bindings of windows."""
    bindings: Any = importlib.import_module("wit_world.exports.window")
    bindings.Ending = Ending
    bindings.Folding_Folded = Folded
    bindings.Conclusion_Emit = Emit
    bindings.Folding_Retry = bindings.Conclusion_Retry = Retry
    bindings.Folding_Reject = bindings.Conclusion_Reject = Reject
    bindings.Err = Err


class FoldComponent(Component):
    """What the processor calls."""

    def __init__(self, fold: type[Any], begin: Callable[[], None], explained: Failures) -> None:
        super().__init__(fold, begin, explained)
        self._fold: Any = None
        self._window: Any = None
        self._state: Any = None

    def _set_up(self, author: Any) -> None:
        self._fold = author

    def _ready(self) -> None:
        # What is wrong with it is seen at a start, and not with the first window.
        self._begun()

    def state_form(self) -> str:
        """The name of the state's form."""
        form: str = self._fold.FORM
        return form

    def open(self, window: Any, saved: bytes | None) -> None:
        """Begins with a window, or goes on with it."""
        self._window = window
        # What it begins with goes the way of each state, so that a window does the same with the first batch and with
        # all others.
        try:
            self._state = state.read(state.written(self._begun()) if saved is None else saved)
        except state.UnreadableState as error:
            raise Err(str(error)) from None

    def accumulate(self, event: Event) -> Folded | Retry | Reject:
        """Folds an event into the state."""
        answer = self._fold.accumulate(self._state, event)
        if answer is None:
            return FOLDED
        return folding.folded(answer, self._state) or FOLDED

    def save(self) -> bytes:
        """The state as bytes."""
        wrong = state.why_not_json(self._state)
        if wrong is not None:
            raise answers.WrongAnswer(f"the state can't be saved: {wrong}")
        return state.written(self._state)

    def finish(self, ending: Ending) -> Emit | Retry | Reject:
        """Closes the window."""
        window = Window(self._window.start, self._window.end, ending)
        answer = folding.concluded(self._fold.finish(self._state, window))
        self._state = None
        return Emit(answer) if isinstance(answer, list) else answer

    def _begun(self) -> Any:
        """The state that a window begins with."""
        begun = self._fold.begin()
        if type(begun) is not dict and type(begun) is not list and state.why_not_json(begun) is None:
            found = answers.described(begun)
            raise answers.WrongAnswer(
                f"`begin` returned {found}: return a dict or a list, which `accumulate` changes, as {{}}"
            )
        wrong = state.why_not_json(begun)
        if wrong is not None:
            raise answers.WrongAnswer(f"`begin` returned what can't be saved: {wrong}")
        return begun
