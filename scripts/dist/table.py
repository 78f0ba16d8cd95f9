"""The table of the documentation that says what it takes from nothing to a function.zip, in each language."""

import json
import re
import time
import tomllib
from dataclasses import dataclass

from empty import must
from release import ROOT

PAGE = ROOT / "docs/how-to/install.md"
BEGIN, END = "<!-- `make test-dist` checks this table, and `make dist-table` writes it. -->\n", "<!-- end of the table -->\n"

# An author does not type more than this.
MOST_COMMANDS = 5

TITLES = {"python": "Python", "rust": "Rust", "c": "C", "javascript": "JavaScript", "typescript": "TypeScript"}

now = time.monotonic


@dataclass(frozen=True)
class Row:
    """A language: what was typed, what of its registry the transform uses, and how long all of it took."""

    language: str
    commands: list
    packages: list
    seconds: float

    def promise(self):
        """What the table says that is the same on each machine."""
        packages = ", ".join(f"`{name}`" for name in self.packages) or "-"
        return f"| {TITLES[self.language]} | {', '.join(f'`{command}`' for command in self.commands)} | {packages} |"

    def text(self):
        return f"{self.promise()} {self.seconds:.0f} s |"


def row(language, steps, folder):
    """The row of a language that went its way."""
    commands = [command for command, _ in steps]
    must(len(commands) <= MOST_COMMANDS, f"{language} takes {len(commands)} commands: {commands}")
    return Row(language, commands, packages_in_use(language, folder), sum(seconds for _, seconds in steps))


def packages_in_use(language, folder):
    """What the example of the project imports of the registry of its language."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((folder / "src").rglob("*.*")))
    match language:
        case "javascript" | "typescript":
            named = list(json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"])
            used = [name for name in named if f'from "{name}"' in source]
        case "python":
            lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
            named = [line.split("==")[0] for line in lines if line and not line.startswith("#")]
            used = [name for name in named if re.search(rf"^(import|from) {name}\b", source, re.MULTILINE)]
        case "rust":
            manifest = tomllib.loads((folder / "Cargo.toml").read_text(encoding="utf-8"))
            named = [name for name, form in manifest["dependencies"].items() if "path" not in form]
            used = [name for name in named if re.search(rf"\b{name}::", source)]
        case "c":
            return []
    must(used, f"{language}: of {named}, the example uses none")
    return used


def write(rows):
    """Writes the table into the page."""
    before, _, after = _page()
    lines = [
        "| language | all that is typed | packages in use | time |",
        "| --- | --- | --- | ---: |",
        *(row.text() for row in rows),
    ]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + after, encoding="utf-8")


def check(rows):
    """The page says what was done. Times are of the machine, and not compared."""
    _, table, _ = _page()
    must(table.strip(), f"{PAGE} has no table yet: `make dist-table` writes it")
    for row in rows:
        must(row.promise() in table, f"the table in {PAGE} is not of today: `make dist-table` writes it. It has no row\n{row.promise()}")
    print(f"ok  {PAGE.relative_to(ROOT)}: the table of {len(rows)} languages")


def _page():
    text = PAGE.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    table, ended, after = rest.partition(END)
    must(found and ended, f"{PAGE} has no table")
    return before, table, after
