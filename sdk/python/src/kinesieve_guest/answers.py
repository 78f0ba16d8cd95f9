"""What `process` may answer, and what is wrong with what it may not, in the words of its author."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinesieve_sdk import Drop, Emit, Event, Keep, Outcome, Output, Reject, Retry

CHOICE = "return Keep(), Drop(), Emit([...]), Retry(...) or Reject(...)"
OUTCOMES = (Keep, Drop, Emit, Retry, Reject)
COROUTINE = "a coroutine: make it a `def` without `async`, since nothing waits for what it would do"
MOST_SHOWN = 60


class WrongAnswer(TypeError):
    """What the transform answered is no outcome."""


def checking(process: Callable[[Event], Outcome]) -> Callable[[Event], Outcome]:
    """The author's `process`, whose answers are checked before they reach code that would break with no reason given.

    It runs for each record: what is right takes a few comparisons, and all else is left to `corrected`.
    """

    def checked(event: Event) -> Outcome:
        outcome = process(event)
        kind = type(outcome)
        if kind is Keep or kind is Drop:
            return outcome
        if kind is Emit and type(values := outcome.value) is list:  # type: ignore[union-attr]
            for output in values:
                if type(output) is not Output or type(output.data) is not bytes:
                    break
                text = output.partition_key
                if text is not None and not (type(text) is str and text.isascii()):
                    break
                text = output.route
                if text is not None and not (type(text) is str and text.isascii()):
                    break
            else:
                return outcome
        return corrected(outcome)

    return checked


def corrected(outcome: Any) -> Outcome:
    """The answer in the form that the processor takes, if it can be meant."""
    if isinstance(outcome, Emit):
        return Emit(outputs(outcome.value))
    if isinstance(outcome, Retry):
        return Retry(reason(outcome.value, "Retry"))
    if isinstance(outcome, Reject):
        return Reject(reason(outcome.value, "Reject"))
    if isinstance(outcome, Keep):
        return Keep()
    if isinstance(outcome, Drop):
        return Drop()
    raise WrongAnswer(f"`process` returned {remedy_of(outcome)}")


def remedy_of(outcome: Any) -> str:
    """What was answered in the place of an outcome, and what to answer."""
    if outcome is None:
        return f"None: each way through it has to end with an answer, so {CHOICE}"
    if isinstance(outcome, type) and issubclass(outcome, OUTCOMES):
        call = "()" if outcome in (Keep, Drop) else "(...)"
        return f"the class {outcome.__name__}: return {outcome.__name__}{call}, an instance of it"
    if isinstance(outcome, Output):
        return "an Output: return Emit([Output(...)])"
    if is_awaited(outcome):
        return COROUTINE
    if hasattr(outcome, "__next__") and hasattr(outcome, "send"):
        return "a generator, since it has a `yield`: gather the outputs in a list, and return Emit(that list)"
    if isinstance(outcome, str):
        for known in OUTCOMES:
            if outcome.strip().lower() == known.__name__.lower():
                call = "()" if known in (Keep, Drop) else "(...)"
                return f"the text {shown(outcome)}: return {known.__name__}{call}"
        return f"the text {shown(outcome)}: to deliver it, return Emit([Output(text.encode())]); else {CHOICE}"
    if isinstance(outcome, (bytes, bytearray, memoryview)):
        return "bytes: to deliver them, return Emit([Output(data)])"
    if isinstance(outcome, (list, tuple)):
        return f"a {type(outcome).__name__}: to deliver what it holds, return Emit([Output(...), ...]); else {CHOICE}"
    if isinstance(outcome, dict):
        return "a dict: to deliver it, return Emit([Output(json.dumps(record).encode())])"
    return f"{described(outcome)}: {CHOICE}"


def is_awaited(answer: Any) -> bool:
    """Whether an answer is one that somebody would have to wait for. Nobody does, so that it is ended."""
    if not hasattr(answer, "__await__"):
        return False
    if hasattr(answer, "close"):
        answer.close()
    return True


def outputs(value: Any) -> list[Output]:
    """The outputs of an `Emit`."""
    if isinstance(value, Output):
        raise WrongAnswer("`process` returned Emit of an Output: Emit takes a list, so return Emit([Output(...)])")
    if isinstance(value, (str, bytes, bytearray, memoryview, dict)) or not hasattr(value, "__iter__"):
        raise WrongAnswer(f"`process` returned Emit of {described(value)}: it takes a list, as in Emit([Output(data)])")
    return [output(item, f"output {index} of Emit") for index, item in enumerate(value)]


def output(item: Any, place: str) -> Output:
    """An output with data and texts of the right types. `place`: where it was returned."""
    if not isinstance(item, Output):
        call = " (without its call)" if item is Output else ""
        raise WrongAnswer(f"{place} is {described(item)}{call}: give an Output(data)")
    data = item.data
    if isinstance(data, str):
        raise WrongAnswer(f"the data of {place} is a text: encode it, as in Output(text.encode())")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise WrongAnswer(
            f"the data of {place} is {described(data)}: it has to be bytes, as in json.dumps(...).encode()"
        )
    return Output(bytes(data), text(item.partition_key, place, "partition key"), text(item.route, place, "route"))


def text(value: Any, place: str, name: str) -> str | None:
    """A text or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongAnswer(f"the {name} of {place} is {described(value)}: it has to be a text, or None")
    return encodable(value, f"the {name} of {place}")


def reason(value: Any, name: str, by: str = "process") -> str:
    """Why a record comes again, or never will. `by`: the function that says so."""
    if not isinstance(value, str):
        hint = f"{name}(str(error))" if isinstance(value, BaseException) else f'{name}("why")'
        raise WrongAnswer(f"`{by}` returned {name} of {described(value)}: give the reason as a text, as in {hint}")
    # Nothing compares it, so that a half of a character may become a question mark.
    return value.encode("utf-8", "replace").decode("utf-8")


def encodable(value: str, name: str) -> str:
    """A text that UTF-8 can write."""
    try:
        return value.encode("utf-8").decode("utf-8")
    except UnicodeEncodeError:
        raise WrongAnswer(f"{name} has half of a character, {shown(value)}, which can't be written as UTF-8") from None


def described(value: Any) -> str:
    """What a value is, in a few words."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    if isinstance(value, (str, int, float, bool)):
        return f"the {'text' if isinstance(value, str) else kind} {shown(value)}"
    return of_kind(kind)


def of_kind(kind: str) -> str:
    """The name of a type with its article."""
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def shown(value: Any) -> str:
    """A value as it would be written, if that is short."""
    written = repr(value)
    return written if len(written) <= MOST_SHOWN else f"{written[:MOST_SHOWN]}…"
