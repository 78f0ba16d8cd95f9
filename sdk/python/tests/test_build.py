"""What the build says before componentize-py runs."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from kinesieve_sdk.build.environment import _texts, native_modules
from kinesieve_sdk.build.kind import is_of_windows
from kinesieve_sdk.build.moments import moments
from kinesieve_sdk.build.problem import BuildProblem


class Moments(unittest.TestCase):
    def found(self, text):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "transform.py"
            file.write_text(text)
            return list(moments(file))

    def test_what_is_of_the_build_is_found(self):
        text = "import datetime\nnow = datetime.datetime.now()\nclass A:\n    at = time.time()\nID = uuid4().hex\n"
        self.assertEqual(self.found(text), [(2, "datetime.datetime.now()"), (4, "time.time()"), (5, "uuid4()")])

    def test_what_runs_later_is_not(self):
        self.assertEqual(self.found("def f():\n    return time.time()\nnow = lambda: time.time()\n"), [])
        self.assertEqual(self.found("NOW = time.time\nother.now()\n"), [])
        self.assertEqual(self.found("def broken(:\n"), [])


class Kinds(unittest.TestCase):
    def kind(self, text):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "transform.py"
            file.write_text(text)
            return is_of_windows(file)

    def test_a_module_says_what_it_works_on(self):
        for text, expected in (
            ("class Fold: pass", True),
            ("from sums import Sums as Fold", True),
            ("try:\n    import fast\nexcept ImportError:\n    fast = None\nFold = 1", True),
            ("if True:\n    class Fold: pass", True),
            ("class Transform: pass", False),
            ("from sums import Fold as Other\nclass Transform: pass", False),
            ("def f():\n    class Fold: pass", False),
            ("class Fold(:", False),
            ("", False),
        ):
            self.assertEqual(self.kind(text), expected, text)

    def test_a_module_with_both_is_refused(self):
        with self.assertRaises(BuildProblem) as raised:
            self.kind("class Fold: pass\nTransform = Fold\n")
        self.assertIn("has a `Transform`, for records, and a `Fold`, for tumbling windows", str(raised.exception))


class Requirements(unittest.TestCase):
    def test_files_that_requirements_name_count(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "a.txt").write_text("-r b.txt\nidna\n")
            (folder / "b.txt").write_text("--constraint=c.txt\n-r a.txt\n-r missing.txt\n")
            (folder / "c.txt").write_text("idna<4\n")
            self.assertEqual(sorted(_texts(folder / "a.txt"))[-1], "idna<4\n")
            self.assertEqual(len(_texts(folder / "a.txt")), 4)

    def test_compiled_modules_are_named(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "yaml").mkdir()
            (folder / "yaml" / "_yaml.cpython-311-x86_64-linux-gnu.so").touch()
            (folder / "yaml" / "loader.py").touch()
            expected = {"yaml._yaml": "yaml/_yaml.cpython-311-x86_64-linux-gnu.so"}
            self.assertEqual(native_modules(folder), expected)


if __name__ == "__main__":
    unittest.main()
