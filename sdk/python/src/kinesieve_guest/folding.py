"""What `accumulate` and `finish` may answer, and what is wrong with what they may not, in the words of their author."""

from __future__ import annotations

from typing import Any

from kinesieve_guest import answers
from kinesieve_guest.answers import WrongAnswer
from kinesieve_sdk import Conclusion, Drop, Emit, Folding, Keep, Output, Reject, Retry

FAILURE = 'Retry("why") or Reject("why")'
CHANGE = f"change the state that it is given, and return nothing; or return {FAILURE}"
LIST = "return [Output(data)], or [] for none"


def folded(answer: Any, state: Any) -> Folding:
    """What `accumulate` answered, if it can be meant."""
    failure = _failure(answer, "accumulate")
    if failure is not None or answer is None:
        return failure
    if answer is state:
        raise WrongAnswer(f"`accumulate` returned the state: {CHANGE}")
    kind = type(answer).__name__
    if isinstance(answer, (Emit, Output)):
        raise WrongAnswer(
            f"`accumulate` returned an {kind}: outputs are what `finish` returns, when the window is over"
        )
    if isinstance(answer, (Keep, Drop)):
        raise WrongAnswer(f"`accumulate` returned {kind}(): for an event that it folds or passes over, return nothing")
    raise WrongAnswer(f"`accumulate` returned {_kind(answer)}: {CHANGE}")


def concluded(answer: Any) -> Conclusion:
    """What `finish` answered, if it can be meant."""
    failure = _failure(answer, "finish")
    if failure is not None:
        return failure
    if answer is None:
        raise WrongAnswer(f"`finish` returned None: {LIST}")
    if isinstance(answer, Emit):
        raise WrongAnswer("`finish` returned Emit: return the list of outputs itself")
    if isinstance(answer, Output):
        raise WrongAnswer("`finish` returned an Output: return [Output(...)]")
    if isinstance(answer, str):
        raise WrongAnswer("`finish` returned a text: to deliver it, return [Output(text.encode())]")
    if isinstance(answer, (bytes, bytearray, memoryview)):
        raise WrongAnswer("`finish` returned bytes: to deliver them, return [Output(data)]")
    if isinstance(answer, dict):
        raise WrongAnswer(
            "`finish` returned a dict, which has to be a list of outputs: to deliver it, "
            "return [Output(json.dumps(values).encode())]"
        )
    if isinstance(answer, type) or not hasattr(answer, "__iter__"):
        raise WrongAnswer(f"`finish` returned {_kind(answer)}: {LIST}; or {FAILURE}")
    return [answers.output(item, f"output {index} of `finish`") for index, item in enumerate(answer)]


def _failure(answer: Any, by: str) -> Retry | Reject | None:
    """Why something failed, if an answer says it."""
    if isinstance(answer, Retry):
        return Retry(answers.reason(answer.value, "Retry", by))
    if isinstance(answer, Reject):
        return Reject(answers.reason(answer.value, "Reject", by))
    if answer is Retry or answer is Reject:
        name = answer.__name__
        raise WrongAnswer(f'`{by}` returned the class {name}: return {name}("why"), an instance of it')
    if answers.is_awaited(answer):
        raise WrongAnswer(f"`{by}` returned {answers.COROUTINE}")
    return None


def _kind(answer: Any) -> str:
    """What an answer is. It may be made of payloads, so that it is not shown."""
    if isinstance(answer, type):
        return f"the class {answer.__name__}"
    return answers.of_kind("text" if isinstance(answer, str) else type(answer).__name__)
