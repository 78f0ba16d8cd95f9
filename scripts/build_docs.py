#!/usr/bin/env python3
"""Builds the site out of docs/, and fails on a link or an anchor that leads nowhere.

Links are checked in every Markdown file of the repository. Then the pages are copied to target/docs/pages, where two
things are made fit for the site: a link that leaves docs/ leads to the repository on GitHub, and a block of commands
marked for check_commands.py (```console aws) is an ordinary block. Zensical builds the site from there, in strict mode.

Usage: build_docs.py --zensical FILE
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys


ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = ROOT / "target/docs/pages"
CONFIG = ROOT / "zensical.toml"
# Not ours, or not written for the repository: what is installed or built, and projects that `kinesieve new` makes.
SKIPPED = {".git", ".tools", "target", "node_modules", ".aws-sam", ".venv", "templates"}
# Pages that need no place in the navigation: the index beside them lists them.
LISTED_ELSEWHERE = re.compile(r"reference/errors/(?!index\.md)")

FENCE = re.compile(r"^ *(```+|~~~+)")
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)((?:\s+\"[^\"]*\")?\))")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$")
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
MARKED_BLOCK = re.compile(r"^( *```console) +[\w-]+ *$", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zensical", required=True)
    arguments = parser.parse_args()
    files = markdown_files()
    problems = [problem for file in files for problem in problems_of(file)] + [*problems_of_navigation()]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(files)} Markdown files: every relative link and anchor leads somewhere", flush=True)
    prepare()
    # Its cache would keep pages that are gone. What it says is coloured letter by letter.
    command = [arguments.zensical, "build", "--strict", "--clean", "--config-file", CONFIG]
    built = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True)
    if built.returncode != 0:
        said = re.sub(r"\x1b\[[0-9;]*m", "", built.stdout + built.stderr).split("Traceback")[0]
        sys.exit(f"{said.strip()}\nthe site could not be built")
    print(f"the site is in {(ROOT / 'target/docs/site').relative_to(ROOT)}/index.html")


def markdown_files():
    """All Markdown files of the repository that are ours."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        found += [pathlib.Path(folder, name) for name in sorted(names) if name.endswith(".md")]
    return found


def prose_lines(text):
    """The lines outside of fenced blocks, numbered, with code spans blanked out."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        opening = FENCE.match(line)
        if opening and fence is None:
            fence = opening[1]
        elif opening and opening[1].startswith(fence):
            fence = None
        elif fence is None:
            yield number, re.sub(r"`[^`]*`", lambda code: "`" + " " * (len(code[0]) - 2) + "`", line), line


def problems_of(file):
    """What is wrong with the links of a file."""
    for number, blanked, line in prose_lines(file.read_text()):
        for link in LINK.finditer(blanked if "](" in blanked else ""):
            address = line[link.start(2) : link.end(2)]
            if re.match(r"[a-z][a-z0-9+.-]*:", address):
                continue
            path, _, anchor = address.partition("#")
            target = (file.parent / path) if path else file
            where = f"{file.relative_to(ROOT)}:{number}: {address}"
            if not target.exists():
                yield f"{where}: there is no such file"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{where}: {target.resolve().relative_to(ROOT)} has no such heading"


def anchors(file):
    """What can stand behind # in a link to a file, by the rule that GitHub and the site share."""
    found = set()
    for _, _, line in prose_lines(file.read_text()):
        found.update(ANCHOR.findall(line))
        if heading := HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            slug = re.sub(r"[\s]", "-", re.sub(r"[^\w\s-]", "", text).strip())
            found.add(re.sub(r"-{2,}", "-", slug))
    return found


def problems_of_navigation():
    """Pages that a reader of the site would not find."""
    named = set(re.findall(r"\"([^\"]+\.md)\"", CONFIG.read_text()))
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS).as_posix()
        if name not in named and not LISTED_ELSEWHERE.match(name):
            yield f"docs/{name} has no place in the navigation of {CONFIG.name}"


def prepare():
    """Copies the pages to where the site is built from."""
    repository = re.search(r"^repository = \"(.*)\"", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES)
    for page in sorted(DOCS.rglob("*.md")):
        text = MARKED_BLOCK.sub(r"\1", page.read_text())
        links = lambda link: link[1] + for_the_site(page, link[2], repository) + link[3]
        (PAGES / page.relative_to(DOCS)).write_text(LINK.sub(links, text))


def for_the_site(page, address, repository):
    """A link of a page, as the site has it."""
    path, hash_sign, anchor = address.partition("#")
    target = (page.parent / path).resolve()
    if re.match(r"[a-z][a-z0-9+.-]*:", address) or not path or target.is_relative_to(DOCS) or not target.exists():
        return address
    kind = "tree" if target.is_dir() else "blob"
    return f"{repository}/{kind}/main/{target.relative_to(ROOT).as_posix()}{hash_sign}{anchor}"


if __name__ == "__main__":
    main()
