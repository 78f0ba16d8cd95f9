#!/usr/bin/env python3
"""Measures what a transform costs in each language, and writes the table of it into a page.

What is measured is what `kinesieve new` makes in each language: parse 89 bytes of JSON, compare a number, remove a field,
write the rest again; and a transform that keeps everything, which is what the processor itself costs. One instance,
precompiled, over a file of records, delivered nowhere.

Usage: bench_guests.py --kinesieve FILE --keep FILE --folder FOLDER [--rounds N] [--records N] [--page FILE]
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import time

LANGUAGES = {"rust": "Rust", "c": "C", "go": "Go (experimental)", "javascript": "JavaScript", "typescript": "TypeScript",
             "python": "Python"}
BEGIN, END = "<!-- Written by `make bench-guests`, from here -->", "<!-- to here -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinesieve", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="the component that keeps everything")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where the projects are made, or are already")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--page", type=pathlib.Path, help="the page that has the table")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    one, many = (write_input(arguments.folder, records) for records in (1, arguments.records))

    guests = [("Rust, `keep` alone", arguments.keep.resolve(), "")]
    for language, title in LANGUAGES.items():
        guests.append((title, build(arguments, language), "below=10"))
    compiled = [compile_ahead(arguments, component) for _, component, _ in guests]
    times = {title: ([], []) for title, _, _ in guests}
    # In turns, so that whatever else the machine does is shared by all.
    for _ in range(arguments.rounds):
        for (title, _, settings), (transform, _) in zip(guests, compiled):
            for which, records in zip(times[title], (one, many)):
                which.append(run(arguments, transform, records, settings))

    lines = ["| language | component | precompiled | compiling | start | a record |", "| --- | --- | --- | --- | --- | --- |"]
    for (title, component, _), (transform, seconds) in zip(guests, compiled):
        start, whole = (statistics.median(which) for which in times[title])
        each = (whole - start) / (arguments.records - 1)
        lines.append(f"| {title} | {size(component)} | {size(transform)} | {seconds:.1f} s | {start * 1e3:.0f} ms | {each * 1e6:.1f} us |")
    load = os.getloadavg()[0]
    lines += ["", f"Medians of {arguments.rounds} on {os.cpu_count()} cores of {platform.machine()}."]
    # One is the measurement itself.
    if load > 1.5:
        lines[-1] += f" Measured while the machine had other work (a load of {load:.1f}): only the order of size holds."
    table = "\n".join(lines)
    print(table)
    if arguments.page:
        write_table(arguments.page, table)


def write_input(folder, records):
    """Every fourth reading is colder than the threshold."""
    path = folder / f"records-{records}.ndjson"
    with path.open("w") as file:
        for index in range(records):
            reading = {"device": f"sensor-{index % 1000:04}", "temperature": (4.5 if index % 4 == 0 else 21.5),
                       "email": "ines@example.com"}
            reading["pad"] = "x" * max(0, 89 - len(json.dumps(reading, separators=(",", ":"))) - 9)
            file.write(json.dumps(reading, separators=(",", ":")) + "\n")
    return path


def build(arguments, language):
    project = arguments.folder / f"bench-{language}"
    if not project.exists():
        subprocess.run([arguments.kinesieve, "new", project, "--lang", language], check=True, capture_output=True)
    print(f"building and testing {project}", flush=True)
    subprocess.run([arguments.kinesieve, "test", project], check=True, stdout=subprocess.DEVNULL)
    description = json.loads((project / "kinesieve.json").read_text())
    return project / description["component"]


def compile_ahead(arguments, component):
    """Compiles a component, and answers the file and the processor time that it took."""
    transform = arguments.folder / f"{component.stem}.cwasm"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [arguments.kinesieve, "build", component, "--target", "host", "--output", transform]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return transform, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(arguments, transform, records, settings):
    """The seconds of a run over these records, from the start of the process to its end."""
    command = [arguments.kinesieve, "run", "--transform", transform, "--input", records, "--output", "none",
               "--workers", "1", "--log", "warn"]
    if settings:
        command += ["--transform-settings", settings]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def size(path):
    kibibytes = path.stat().st_size / 1024
    return f"{kibibytes:.0f} KiB" if kibibytes < 1024 else f"{kibibytes / 1024:.1f} MiB"


def write_table(page, table):
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{page} has no place for the table: it needs the lines {BEGIN!r} and {END!r}")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    main()
