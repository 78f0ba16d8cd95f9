#!/usr/bin/env python3
"""Runs the commands of the documentation as they stand, and compares what they print with what the pages show.

A command is a line that starts with `$ ` in a block of one of these kinds; the lines below it are its output.

  ```console              is run. The commands of a page share one shell, in a folder of its own that looks like the
                          root of the repository, with `kinesieve` on PATH. Each has to end with status 0.
  ```console background   is run beside the ones that follow, and gets Ctrl-C at the end of the page. Its output is waited
                          for before the page goes on.
  ```console setup        builds or installs what is there already, or takes minutes: it is not run.
  ```console aws          needs an AWS account: it is not run.

Of every command, run or not, each sub-command and flag of `kinesieve` and each target of make has to exist, each operation and
flag of the AWS CLI, and each parameter that `sam` is given: scripts/aws_commands.py. Those on the reference pages are looked at
as well, in blocks of text. Arguments that `kinesieve` demands have to be there, and so has a setting that it can't do without. In output,
`...` stands for any text in a line, and by itself for any lines. A command without output below it may print anything.

Usage: check_commands.py --kinesieve FILE [--page FILE]
"""

import argparse
import difflib
import functools
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import aws_commands

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a page finds in its folder. What is built for this machine is found by PATH.
LINKED = ("Makefile", "demo", "scripts", "sdk", "templates", "tests", "transforms", "wit", ".tools")
KINDS = ("", "background", "setup", "aws")
# Fewer than these mean that the pages are not found any more, or not understood.
LEAST_PAGES, LEAST_COMMANDS = 11, 75
COMMAND_TIMEOUT, BACKGROUND_TIMEOUT, END_TIMEOUT = 120.0, 60.0, 20.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinesieve", type=pathlib.Path, required=True)
    parser.add_argument("--page", type=pathlib.Path, help="only this page")
    arguments = parser.parse_args()
    kinesieve = arguments.kinesieve.resolve()
    pages = [arguments.page.resolve()] if arguments.page else all_pages()
    aws_commands.check_itself()
    problems, run, looked_at, pages_run = [], 0, 0, 0
    for page in [] if arguments.page else sorted((ROOT / "docs/reference").rglob("*.md")):
        problems += (f"{where}: {problem}" for where, text in aws_lines(page) for problem in aws_commands.problems_of(text))
    for page in pages:
        commands = list(commands_of(page))
        looked_at += len(commands)
        problems += [problem for command in commands for problem in command.problems(kinesieve)]
        to_run = [command for command in commands if command.kind in ("", "background")]
        if not to_run:
            continue
        started = time.monotonic()
        done, problem = run_page(to_run, kinesieve)
        problems += [problem] if problem else []
        pages_run, run = pages_run + 1, run + done
        failed = ", and one that failed" if problem else ""
        print(f"{page.relative_to(ROOT)}: {done} commands{failed}, {time.monotonic() - started:.1f} s", flush=True)
    print(f"{run} commands of {pages_run} pages were run, {looked_at} of {len(pages)} pages were looked at")
    if not arguments.page and (pages_run < LEAST_PAGES or run < LEAST_COMMANDS):
        problems.append(f"at least {LEAST_COMMANDS} commands of {LEAST_PAGES} pages were expected to run")
    if problems:
        sys.exit("\n" + "\n\n".join(problems))


def all_pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs/tutorial").rglob("*.md")), *sorted((ROOT / "docs/how-to").rglob("*.md"))]


class Command:
    """A command of a page, with what the page says that it prints."""

    def __init__(self, where, kind, text):
        self.where, self.kind, self.text, self.output = where, kind, text, []

    def expected(self):
        """The lines below it, without empty ones around them."""
        return "\n".join(line.rstrip() for line in self.output).strip("\n")

    def problems(self, kinesieve):
        """What is named in it and does not exist."""
        for name, flags in calls_of_kinesieve(self.text):
            known = flags_of(kinesieve, name)
            if known is None:
                yield f"{self.where}: `kinesieve {name}` does not exist"
            else:
                yield from (f"{self.where}: `kinesieve {name}` has no {flag}" for flag in flags if flag not in known)
                yield from (f"{self.where}: `kinesieve {name}` needs {flag}" for flag in needed(name, flags, self.text))
        yield from (f"{self.where}: {problem}" for problem in aws_commands.problems_of(without_documents(self.text)))
        for target in re.findall(r"(?:^|[;&|]\s*)(?:\w+=\S+ )*make((?: [A-Za-z][\w-]*(?![\w=-]))*)", self.text):
            yield from (f"{self.where}: make has no target {name}" for name in target.split() if name not in targets())


def commands_of(page):
    """The commands of a page, in their order."""
    kind = command = ending = None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        where = f"{page.relative_to(ROOT)}:{number}"
        if kind is None:
            if opening := re.match(r"```console(?: +(\S+))? *$", line):
                kind, command, ending = opening[1] or "", None, None
                if kind not in KINDS:
                    sys.exit(f"{where}: {kind!r} is no kind of a block; there are {KINDS[1:]}")
        elif line == "```":
            if command:
                yield command
            kind = command = None
        elif ending is not None or (command and not command.output and command.text.endswith("\\")):
            # The text that a command reads, or its next line.
            command.text += "\n" + line
            ending = None if line == ending else ending or here_document(line)
        elif line.startswith("$ "):
            if command:
                yield command
            command = Command(where, kind, line[2:])
            ending = here_document(line)
        elif command:
            command.output.append(line)
        else:
            sys.exit(f"{where}: there is no command above this output")


def aws_lines(page):
    """The commands of the AWS CLI in blocks of text, each with the lines that it goes on in."""
    inside, text, where = False, None, None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside and text is None and line.lstrip().startswith("aws "):
            text, where = "", f"{page.relative_to(ROOT)}:{number}"
        if inside and text is not None:
            text += line + "\n"
            if not line.endswith("\\"):
                yield where, text
                text = None


def without_documents(text):
    """A command without the text that it reads from below its line."""
    lines = text.split("\n")
    ending = here_document(lines[0])
    return lines[0] if ending else text


# What these can't do without, by flag or by variable.
NEEDED = {
    "redrive": {"--from": None, "--transform": "KINESIEVE_TRANSFORM"},
    "rescue": {"--from": None, "--transform": "KINESIEVE_TRANSFORM"},
    "run": {"--input": None},
    "put": {"--stream": None},
    "status": {"--checkpoint-table": "KINESIEVE_CHECKPOINT_TABLE"},
    "positions import": {"--from-kcl": None, "--to": "KINESIEVE_CHECKPOINT_TABLE"},
    "doctor": {"--stream": None, "--transform": "KINESIEVE_TRANSFORM"},
}


def needed(name, flags, text):
    """What a call of `kinesieve` lacks."""
    # The folder of a project stands for the transform, and a connector file for everything.
    if {"--help", "--connector"} & set(flags) or re.search(rf"\bkinesieve {name} [\w.]", text):
        return []
    return [flag for flag, variable in NEEDED.get(name, {}).items() if flag not in flags and not (variable and variable in text)]


def here_document(line):
    """The line that ends the text that begins below this one."""
    opening = re.search(r"<<-?'?(\w+)'?", line)
    return opening[1] if opening else None


def calls_of_kinesieve(text):
    """The sub-command and the long flags of each call of `kinesieve`."""
    line = re.sub(r"\\\n", " ", text).split("\n")[0]
    words = shlex_words(line)
    for place, word in enumerate(words):
        if word.rsplit("/", 1)[-1] != "kinesieve" or place + 1 == len(words) or (place and words[place - 1] not in (*ENDS, "time")):
            continue
        rest = words[place + 1 :]
        end = next((index for index, other in enumerate(rest) if other in ENDS), len(rest))
        has_below = rest[0] in WITH_COMMANDS_BELOW and end > 1 and not rest[1].startswith("-")
        name = " ".join(rest[:2]) if has_below else rest[0]
        yield name, [flag.split("=")[0] for flag in rest[1:end] if flag.startswith("--")]


# Their flags are those of the command below.
WITH_COMMANDS_BELOW = ("connector", "positions")


ENDS = ("|", "||", "&&", ";", "&", "(", ")")


def shlex_words(line):
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;()")
    reader.whitespace_split, reader.commenters = True, "#"
    return list(reader)


@functools.cache
def flags_of(kinesieve, name):
    """The flags that the help of a sub-command names; none: there is no such sub-command."""
    if name.startswith("-"):
        return {"--help", "--version"}
    said = subprocess.run([kinesieve, *name.split(), "--help"], capture_output=True, text=True)
    return set(re.findall(r"--[a-z][a-z0-9-]*", said.stdout)) if said.returncode == 0 else None


@functools.cache
def targets():
    """The targets of make, with those that a stem completes left out."""
    text = (ROOT / "Makefile").read_text()
    phony = {name for names in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE) for name in names.split()}
    return phony | set(re.findall(r"^([A-Za-z][\w-]*):", text, re.MULTILINE))


def run_page(commands, kinesieve):
    """Runs the commands of a page: how many did what the page says, and what is wrong with the first that did not."""
    with tempfile.TemporaryDirectory(prefix="kinesieve-docs-") as scratch:
        scratch = pathlib.Path(scratch)
        folder, notes = scratch / "kinesieve", scratch / "notes"
        folder.mkdir()
        notes.mkdir()
        for name in LINKED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        background = []
        shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment(kinesieve), stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            for number, command in enumerate(commands):
                problem = run_command(command, notes / str(number), shell, background)
                if problem:
                    return number, problem
            return len(commands), next(filter(None, [end_of(*one) for one in reversed(background)]), None)
        finally:
            # What they started in sessions of its own ends with them only if they end in order.
            for one in reversed(background):
                end_of(*one)
            for pid in [shell.pid, *(pid for _, pid, _ in background)]:
                try:
                    os.killpg(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            shell.wait()


def environment(kinesieve):
    """What a command sees: nothing of AWS, and Rust where it is installed."""
    home = pathlib.Path.home()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KINESIEVE_", "MAKE", "MFLAGS"))}
    return {
        "CARGO_HOME": str(home / ".cargo"),
        "RUSTUP_HOME": str(home / ".rustup"),
        **kept,
        "PATH": f"{kinesieve.parent}:{os.environ['PATH']}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "TERM": "dumb",
    }


def run_command(command, notes, shell, background):
    script, output, status = (notes.with_suffix(ending) for ending in (".sh", ".out", ".status"))
    script.write_text(command.text + "\n")
    output.touch()
    if command.kind == "background":
        # A session of its own: Ctrl-C goes to all that the command started.
        shell.stdin.write(f"setsid bash {script} > {output} 2>&1 < /dev/null & echo $! > {status}\n")
    else:
        shell.stdin.write(f"source {script} > {output} 2>&1 < /dev/null; echo $? > {status}\n")
    shell.stdin.flush()
    limit = BACKGROUND_TIMEOUT if command.kind == "background" else COMMAND_TIMEOUT
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if status.exists() and (noted := status.read_text().strip()):
            if command.kind != "background":
                return problem_with(command, output.read_text(errors="replace"), int(noted))
            if (started := (command, int(noted), output)) not in background:
                background.append(started)
            said = output.read_text(errors="replace")
            if begins_as(command.expected(), said):
                return None
            if is_gone(int(noted)):
                return f"{command.where}: `{command.text}` ended; it printed\n{said}\nand the page says\n{command.expected()}"
        if shell.poll() is not None:
            return f"{command.where}: the shell ended"
        time.sleep(0.02)
    said = output.read_text(errors="replace")
    return f"{command.where}: `{command.text}` took longer than {limit:.0f} s; it printed\n{said}\nand the page says\n{command.expected()}"


def end_of(command, pid, output):
    """Presses Ctrl-C for a command beside the others."""
    try:
        if is_gone(pid):
            return None
        os.killpg(pid, signal.SIGINT)
        until = time.monotonic() + END_TIMEOUT
        while time.monotonic() < until:
            if is_gone(pid):
                return None
            time.sleep(0.05)
    except ProcessLookupError:
        return None
    return f"{command.where}: `{command.text}` goes on {END_TIMEOUT:.0f} s after Ctrl-C; it printed\n{output.read_text(errors='replace')}"


def is_gone(pid):
    """Whether a process has ended; the shell that started it may not have asked yet."""
    try:
        os.kill(pid, 0)
        stat = pathlib.Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def problem_with(command, said, status):
    said = "\n".join(line.rstrip() for line in said.splitlines()).strip("\n")
    if status != 0:
        return f"{command.where}: `{command.text}` ended with status {status}:\n{said}"
    expected = command.expected()
    if not expected or pattern_of(expected).fullmatch(said):
        return None
    lines = difflib.unified_diff(expected.splitlines(), said.splitlines(), "the page", "the command", lineterm="")
    return f"{command.where}: `{command.text}` prints something else\n" + "\n".join(lines)


def begins_as(expected, said):
    return not expected or pattern_of(expected).match("\n".join(line.rstrip() for line in said.splitlines()))


def pattern_of(expected):
    """What the lines of a page stand for."""
    parts = []
    for line in expected.splitlines():
        if line.strip() == "...":
            parts.append("(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(part) for part in line.split("...")) + "\n")
    # The last line that a command prints has its end taken away.
    pattern = "".join(parts)
    return re.compile(pattern.removesuffix("\n") if not pattern.endswith("*?") else pattern + ".*")


if __name__ == "__main__":
    main()
