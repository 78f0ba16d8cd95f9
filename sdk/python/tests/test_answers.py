"""Each wrong answer is explained in the words of its author: `python3 -m unittest discover -s sdk/python/tests`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from kinesieve_guest.answers import WrongAnswer, checking
from kinesieve_sdk import Drop, Emit, Event, Keep, Output, Reject, Retry


async def coroutine():
    pass


def generator():
    yield Output(b"")


WRONG = [
    (None, "`process` returned None: each way through it has to end with an answer, so return Keep()"),
    ("drop", "`process` returned the text 'drop': return Drop()"),
    (" Emit", "`process` returned the text ' Emit': return Emit(...)"),
    ("{}", "`process` returned the text '{}': to deliver it, return Emit([Output(text.encode())])"),
    (Drop, "`process` returned the class Drop: return Drop(), an instance of it"),
    (Reject, "`process` returned the class Reject: return Reject(...), an instance of it"),
    ({"a": 1}, "`process` returned a dict: to deliver it, return Emit([Output(json.dumps(record).encode())])"),
    (b"x", "`process` returned bytes: to deliver them, return Emit([Output(data)])"),
    ([Output(b"")], "`process` returned a list: to deliver what it holds, return Emit([Output(...), ...])"),
    (Output(b""), "`process` returned an Output: return Emit([Output(...)])"),
    (coroutine(), "`process` returned a coroutine: make it a `def` without `async`"),
    (generator(), "`process` returned a generator, since it has a `yield`"),
    (True, "`process` returned the bool True: return Keep()"),
    (object(), "`process` returned an object: return Keep()"),
    (Emit(Output(b"")), "Emit of an Output: Emit takes a list"),
    (Emit("text"), "Emit of the text 'text': it takes a list"),
    (Emit(b"x"), "Emit of a bytes: it takes a list"),
    (Emit(None), "Emit of None: it takes a list"),
    (Emit([b"x"]), "output 0 of Emit is a bytes: give an Output(data)"),
    (Emit([Output]), "output 0 of Emit is the class Output (without its call)"),
    (
        Emit([Output(b""), Output("x")]),
        "the data of output 1 of Emit is a text: encode it, as in Output(text.encode())",
    ),
    (Emit([Output({})]), "the data of output 0 of Emit is a dict: it has to be bytes"),
    (Emit([Output(None)]), "the data of output 0 of Emit is None: it has to be bytes"),
    (Emit([Output(b"", 7)]), "the partition key of output 0 of Emit is the int 7: it has to be a text, or None"),
    (Emit([Output(b"", b"k")]), "the partition key of output 0 of Emit is a bytes"),
    (Emit([Output(b"", None, 1.5)]), "the route of output 0 of Emit is the float 1.5"),
    (Emit([Output(b"", "\ud83d")]), "the partition key of output 0 of Emit has half of a character"),
    (Retry(None), '`process` returned Retry of None: give the reason as a text, as in Retry("why")'),
    (Reject(ValueError("x")), "Reject of a ValueError: give the reason as a text, as in Reject(str(error))"),
    (Reject(b"x"), "Reject of a bytes: give the reason as a text"),
]


class SubclassOfOutput(Output):
    __slots__ = ()


class Answers(unittest.TestCase):
    def test_what_is_wrong_is_explained(self):
        for answer, expected in WRONG:
            with self.subTest(expected=expected):
                with self.assertRaises(WrongAnswer) as raised:
                    checking(lambda _, answer=answer: answer)(Event(b""))
                self.assertIn(expected, str(raised.exception))

    def test_what_is_right_passes_as_it_is(self):
        key = Emit([Output(b"x", "k", "side"), Output(b"")])
        for answer in (Keep(), Drop(), key, Emit([]), Retry("later"), Reject("never")):
            self.assertEqual(checking(lambda _, answer=answer: answer)(Event(b"")), answer)
        self.assertIs(checking(lambda _: key)(Event(b"")), key)

    def test_what_can_be_meant_is_taken(self):
        for answer, meant in (
            (Emit([Output(bytearray(b"x"))]), Emit([Output(b"x")])),
            (Emit([Output(memoryview(b"x"))]), Emit([Output(b"x")])),
            (Emit((Output(b"x"),)), Emit([Output(b"x")])),
            (Emit(output for output in [Output(b"x")]), Emit([Output(b"x")])),
            (Emit([SubclassOfOutput(b"x", "ключ")]), Emit([Output(b"x", "ключ")])),
            (Reject("half \ud83d"), Reject("half ?")),
        ):
            self.assertEqual(checking(lambda _, answer=answer: answer)(Event(b"")), meant)


if __name__ == "__main__":
    unittest.main()
