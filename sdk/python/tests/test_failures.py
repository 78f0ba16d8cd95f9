"""How exceptions are told, and what a module is refused for."""

import sys
import types
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from kinesieve_guest.author import WrongModule, transform_of
from kinesieve_guest.failures import Failures

PLAN = SimpleNamespace(SOURCES_NAME="src", MODULE="transform")


def raised(code, file="src/transform.py", **names):
    try:
        exec(compile(code, file, "exec"), names)
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next
        return error
    raise AssertionError("nothing was raised")


class Reports(unittest.TestCase):
    def told(self, error, why=None, shows_all=False):
        return Failures(shows_all=shows_all, why=why or {}).report(error)

    def test_the_first_line_has_the_place(self):
        told = self.told(raised("def f():\n    raise ValueError('no')\nf()"))
        self.assertEqual(told.splitlines()[0], "ValueError: no (src/transform.py:2, in f)")
        self.assertIn('File "src/transform.py", line 3, in <module>', told)

    def test_what_lies_around_is_left_out_unless_it_is_asked_for(self):
        def inside():
            raise KeyError("x")

        for place in ("/python/importlib/__init__.py", "/0/kinesieve_guest/app.py"):
            inside.__code__ = inside.__code__.replace(co_filename=place)
            self.assertNotIn(place, self.told(raised("f()", f=inside)))
        inside.__code__ = inside.__code__.replace(co_filename="/kinesieve-sdk/kinesieve_guest/answers.py")
        error = raised("f()", f=inside)
        self.assertNotIn("kinesieve-sdk", self.told(error))
        self.assertIn("kinesieve-sdk", self.told(error, shows_all=True))

    def test_causes_are_told(self):
        told = self.told(raised("try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise ValueError('v') from e"))
        self.assertIn("ZeroDivisionError: division by zero\n\nThe above exception was the direct cause", told)

    def test_hints(self):
        why = {"yaml._yaml": "it is compiled"}
        for code, hint in (
            ("import there_is_none", "`there_is_none` is no module of the project or of Python: add its package"),
            ("open('/nowhere/at/all')", "a component has no files"),
            ('raise RuntimeError("can\'t start new thread")', "a component has one thread"),
            ("raise ImportError('x', name='yaml', name_from='_yaml')", "yaml._yaml is missing: it is compiled"),
        ):
            if sys.version_info < (3, 12) and "name_from" in code:
                # An error does not say it before.
                continue
            self.assertIn(hint, self.told(raised(code), why), code)

    def test_a_syntax_error_is_told_in_its_first_line(self):
        error = raised("compile('a = 1\\nprint(', 'src/x.py', 'exec')")
        error.__traceback__ = None
        lines = self.told(error).splitlines()
        self.assertEqual(lines[0], "SyntaxError: '(' was never closed (src/x.py:2)")
        self.assertIn('  File "src/x.py", line 2', lines)


class Modules(unittest.TestCase):
    def refusal(self, code):
        module = types.ModuleType("transform")
        exec(code, module.__dict__)
        with self.assertRaises(WrongModule) as raised:
            transform_of(module, PLAN)
        return str(raised.exception)

    def test_what_is_no_transform_is_refused(self):
        for code, expected in (
            ("", "src/transform.py has no class `Transform`, with a method `process(self, event)`"),
            ("class Transfrom:\n def process(self, event): pass", "there is `Transfrom`: give it that name"),
            ("Transform = 7", "`Transform` in src/transform.py is the int 7: it has to be a class"),
            ("class Transform: pass", "has no method `process`: write `def process(self, event)`"),
            ("class Transform: process = 7", "is the int 7: write `def process(self, event)`"),
            ("class Transform:\n def process(self): pass", "takes (self): write `def process(self, event)`"),
            ("class Transform:\n def process(self, a, b): pass", "takes (self, a, b): write"),
            ("class Transform:\n async def process(self, event): pass", "is `async`"),
            ("class Transform:\n def process(self, event): yield 1", "has a `yield`"),
            ("class Transform:\n def __init__(self, x): pass\n def process(self, event): pass", "`Transform.__init__`"),
            (
                "class Transform:\n def configure(self): pass\n def process(self, event): pass",
                "`Transform.configure` in src/transform.py takes (self): write `def configure(self, settings)`",
            ),
        ):
            self.assertIn(expected, self.refusal(code), code)

    def test_what_is_one_is_taken(self):
        for code in (
            "class Transform:\n def process(self, event): pass",
            "class Transform:\n def process(self, event, extra=1): pass",
            "class Transform:\n def process(self, *all): pass",
            "class Transform:\n @staticmethod\n def process(event): pass",
            "class Transform:\n @classmethod\n def process(cls, event): pass",
        ):
            module = types.ModuleType("transform")
            exec(code, module.__dict__)
            self.assertIs(transform_of(module, PLAN), module.Transform)


if __name__ == "__main__":
    unittest.main()
