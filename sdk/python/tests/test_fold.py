"""What the component of a transform of windows answers, whatever its author's class does."""

import sys
import types
import unittest
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from kinesieve_guest import state
from kinesieve_guest.answers import WrongAnswer
from kinesieve_guest.author import WrongModule, fold_of, transform_of
from kinesieve_guest.failures import Failures
from kinesieve_guest.fold import FOLDED, FoldComponent
from kinesieve_guest.folding import concluded, folded
from kinesieve_sdk import Drop, Emit, Ending, Err, Event, Keep, Output, Reject, Retry, Window

PLAN = SimpleNamespace(SOURCES_NAME="src", MODULE="transform")
MINUTE = SimpleNamespace(start=0, end=60_000)


class Counts:
    FORM = "counts/1"

    def begin(self):
        return {}

    def accumulate(self, state, event):
        state[event.partition_key] = state.get(event.partition_key, 0) + 1

    def finish(self, state, window):
        return [Output(f"{state} {window}".encode())]


def started(**parts):
    component = FoldComponent(type("Fold", (Counts,), parts), lambda: None, Failures(shows_all=False, why={}))
    component.configure([])
    return component


def opened(**parts):
    component = started(**parts)
    component.open(MINUTE, None)
    return component


async def coroutine():
    pass


class Windows(unittest.TestCase):
    def test_a_window_goes_from_instance_to_instance(self):
        first = opened()
        self.assertEqual(first.state_form(), "counts/1")
        for key in ("a", "b", "a"):
            self.assertIs(first.accumulate(Event(b"", key)), FOLDED)
        saved = first.save()
        self.assertEqual(saved, b'{"a":2,"b":1}')
        # Another window does not begin with the state of this one.
        first.open(MINUTE, None)
        self.assertEqual(first.save(), b"{}")
        second = started()
        second.open(MINUTE, saved)
        second.accumulate(Event(b"", "b"))
        window = Window(0, 60_000, Ending.EARLY)
        self.assertEqual(second.finish(Ending.EARLY), Emit([Output(f"{{'a': 2, 'b': 2}} {window}".encode())]))

    def test_each_window_begins_with_what_begin_says(self):
        shared = {"list": []}
        component = opened(begin=lambda _: shared, accumulate=lambda _, state, __: state["list"].append(1))
        component.accumulate(Event(b""))
        component.open(MINUTE, None)
        component.accumulate(Event(b""))
        self.assertEqual(component.save(), b'{"list":[1]}')

    def test_what_fails_goes_on_as_it_is(self):
        for failure in (Retry("why"), Reject("why")):
            answer = lambda *_, failure=failure: failure  # noqa: E731
            component = opened(accumulate=answer, finish=answer)
            self.assertEqual(component.accumulate(Event(b"")), failure)
            self.assertEqual(component.finish(Ending.COMPLETE), failure)

    def test_a_beginning_that_is_no_state_stops_the_start(self):
        for begun, expected in (
            (None, "`begin` returned None: return a dict or a list, which `accumulate` changes, as {}"),
            (0, "`begin` returned the int 0: return a dict or a list"),
            (Counter(), "`begin` returned what can't be saved: state is a Counter: keep a dict"),
            ({"a": set()}, "state['a'] is a set"),
        ):
            with self.subTest(expected=expected), self.assertRaises(Err) as raised:
                sys.stderr, stderr = open("/dev/null", "w"), sys.stderr
                try:
                    started(begin=lambda _, begun=begun: begun)
                finally:
                    sys.stderr.close()
                    sys.stderr = stderr
            self.assertIn(expected, raised.exception.value)

    def test_settings_are_refused_without_configure(self):
        component = FoldComponent(Counts, lambda: None, Failures(shows_all=False, why={}))
        with self.assertRaises(Err) as raised:
            component.configure([("below", "5")])
        self.assertEqual(raised.exception.value, "unknown setting `below`: there are none")

    def test_a_state_that_is_none_is_refused_without_showing_it(self):
        component = started()
        for saved, expected in (
            (b'{"secret', "no JSON"),
            (b'{"secret":\xff}', "no JSON"),
            (b'"secret"', "a value of the type str, and neither a dict nor a list"),
        ):
            with self.assertRaises(Err) as raised:
                component.open(MINUTE, saved)
            self.assertEqual(raised.exception.value, expected)

    def test_a_state_that_cant_be_saved_ends_the_instance(self):
        component = opened(accumulate=lambda _, state, __: state.update(sum=float("nan")))
        component.accumulate(Event(b""))
        with self.assertRaises(WrongAnswer) as raised:
            component.save()
        self.assertIn("the state can't be saved: state['sum'] is nan: JSON has no such number", str(raised.exception))


GIVEN = {}
WRONG_FOLDINGS = [
    (GIVEN, "`accumulate` returned the state: change the state that it is given, and return nothing"),
    ({"secret": 1}, "`accumulate` returned a dict: change the state"),
    (True, "`accumulate` returned a bool: change the state"),
    ("secret", "`accumulate` returned a text: change the state"),
    (coroutine(), "`accumulate` returned a coroutine: make it a `def` without `async`"),
    (Emit([]), "outputs are what `finish` returns, when the window is over"),
    (Output(b""), "outputs are what `finish` returns"),
    (Drop(), "`accumulate` returned Drop(): for an event that it folds or passes over, return nothing"),
    (Keep(), "`accumulate` returned Keep()"),
    (Reject, '`accumulate` returned the class Reject: return Reject("why"), an instance of it'),
    (Retry(None), '`accumulate` returned Retry of None: give the reason as a text, as in Retry("why")'),
]
WRONG_CONCLUSIONS = [
    (None, "`finish` returned None: return [Output(data)], or [] for none"),
    (Emit([]), "`finish` returned Emit: return the list of outputs itself"),
    (Output(b""), "`finish` returned an Output: return [Output(...)]"),
    ("secret", "`finish` returned a text: to deliver it, return [Output(text.encode())]"),
    (b"secret", "`finish` returned bytes: to deliver them, return [Output(data)]"),
    ({"secret": 1}, "`finish` returned a dict, which has to be a list of outputs"),
    (7, "`finish` returned an int: return [Output(data)]"),
    (Output, "`finish` returned the class Output"),
    (coroutine(), "`finish` returned a coroutine"),
    (Reject(7), "`finish` returned Reject of the int 7"),
    ([b"x"], "output 0 of `finish` is a bytes: give an Output(data)"),
    ([Output(b""), Output("x")], "the data of output 1 of `finish` is a text: encode it"),
]


class Answers(unittest.TestCase):
    def test_what_is_wrong_is_explained(self):
        for explain, wrong in ((lambda answer: folded(answer, GIVEN), WRONG_FOLDINGS), (concluded, WRONG_CONCLUSIONS)):
            for answer, expected in wrong:
                with self.subTest(expected=expected):
                    with self.assertRaises(WrongAnswer) as raised:
                        explain(answer)
                    self.assertIn(expected, str(raised.exception))
                    self.assertNotIn("secret", str(raised.exception))

    def test_what_can_be_meant_is_taken(self):
        outputs = [Output(b"x", "k", "side"), Output(b"")]
        for answer in (outputs, tuple(outputs), (output for output in outputs)):
            self.assertEqual(concluded(answer), outputs)
        self.assertEqual(concluded([Output(bytearray(b"x"))]), [Output(b"x")])
        self.assertIsNone(folded(None, GIVEN))


class States(unittest.TestCase):
    def test_what_json_would_change_is_refused(self):
        circle = []
        circle.append(circle)
        for value, expected in (
            ({"a": {"sum": float("inf")}}, "state['a']['sum'] is inf: JSON has no such number"),
            ({"a": [1, (2, 3)]}, "state['a'][1] is a tuple: keep a list"),
            ({"a": {1, 2}}, "state['a'] is a set: keep sorted(values)"),
            ({"a": b"x"}, "state['a'] is a bytes: keep a text"),
            ({"a": datetime(2026, 1, 1)}, "state['a'] is a datetime: keep its timestamp()"),
            ({"a": Decimal(1)}, "state['a'] is a Decimal: keep str(value)"),
            ({"a": defaultdict(int)}, "state['a'] is a defaultdict: keep a dict, and use its setdefault"),
            ({"a": Counter()}, "state['a'] is a Counter: keep a dict"),
            ({"a": lambda: 1}, "state['a'] is a function: a state is made of dict, list, str"),
            ({"a": object()}, "state['a'] is an object"),
            ({"a": {7: 1}}, "state['a'] has a key that is an int: JSON has texts for keys, as str(key)"),
            ({None: 1}, "state has a key that is None"),
            ({"secret@example.com": [float("nan")]}, "state[…][0] is nan"),
            (circle, "it is more than 100 levels deep, or contains itself"),
        ):
            explained = state.why_not_json(value)
            self.assertIsNotNone(explained, expected)
            self.assertIn(expected, explained)
            self.assertNotIn("secret", explained)

    def test_a_state_comes_back_as_it_was(self):
        for value in (
            {"n": 1.5, "large": 2**70, "text": "é😀", "yes": True, "none": None, "list": [[], {}]},
            {"half \ud83d": "\ud83d"},
            [],
        ):
            self.assertIsNone(state.why_not_json(value))
            self.assertEqual(state.read(state.written(value)), value)
        self.assertEqual(state.written({"é": 1}), '{"é":1}'.encode())
        state.written({"half \ud83d": 1}).decode()


class Modules(unittest.TestCase):
    def refusal(self, code, of):
        module = types.ModuleType("transform")
        exec(code, module.__dict__)
        with self.assertRaises(WrongModule) as raised:
            of(module, PLAN)
        return str(raised.exception)

    def test_what_is_no_fold_is_refused(self):
        whole = "class Fold:\n FORM = 'a/1'\n def begin(self): pass\n def accumulate(self, state, event): pass\n"
        whole += " def finish(self, state, window): pass\n"
        for code, expected in (
            ("", "src/transform.py has no class `Fold`, with a method `accumulate(self, state, event)`"),
            ("Fold = 7", "`Fold` in src/transform.py is the int 7: it has to be a class"),
            (whole.replace("FORM", "Form"), 'no `FORM`: name the form of the state with its version, as "sums/1"'),
            (whole.replace("'a/1'", "1"), "has the int 1 as `FORM`"),
            (whole.replace("'a/1'", "''"), "has the text '' as `FORM`"),
            (whole.replace("begin", "start"), "has no method `begin`: write `def begin(self)`"),
            (whole.replace("accumulate", "add"), "no method `accumulate`: write `def accumulate(self, state, event)`"),
            (whole.replace("finish", "end"), "no method `finish`: write `def finish(self, state, window)`"),
            (
                whole.replace("state, event", "event"),
                "`Fold.accumulate` in src/transform.py takes (self, event): write",
            ),
            (whole.replace("window): pass", "window): yield 1"), "has a `yield`: gather the outputs in a list"),
            (whole.replace(" def acc", " async def acc"), "is `async`"),
            (whole + " def configure(self): pass", "write `def configure(self, settings)`"),
        ):
            self.assertIn(expected, self.refusal(code, fold_of), code)
        module = types.ModuleType("transform")
        exec(whole, module.__dict__)
        self.assertIs(fold_of(module, PLAN), module.Fold)

    def test_what_was_meant_for_windows_is_named(self):
        methods = ":\n def accumulate(self, state, event): pass"
        meant = self.refusal(f"class Transform{methods}", transform_of)
        self.assertIn(
            "`Transform` in src/transform.py has `accumulate`: a transform of windows is a class `Fold`", meant
        )
        meant = self.refusal(f"class Sums{methods}", transform_of)
        self.assertIn("a transform of windows is a class `Fold`, which the build looks for in this file itself", meant)


if __name__ == "__main__":
    unittest.main()
