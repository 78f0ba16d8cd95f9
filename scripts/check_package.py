#!/usr/bin/env python3
"""Checks a package as Lambda gets it: zips the folder, unpacks the zip elsewhere, and looks at what came out.

What is for this machine is started under a Lambda runtime API, and has to process a batch; with --starts it is started
so many times more, to say how long a start takes up to the first poll. What is for another machine is looked at.

Usage: check_package.py FOLDER ARCHITECTURE --cargo-lambda FILE --component FILE [--starts NUMBER]
"""

import argparse
import hashlib
import http.server
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "demo"))

import accounts
import batch
import local_lambda


# What a package holds, beside package.json, which describes it.
FILES = ["bootstrap", "transform.cwasm", "transform.cwasm.json"]

# What an ELF file says of its machine, by the names of the deployment and of this machine.
MACHINES = {"arm64": 183, "x86_64": 62}
NAMES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}

# Lambda unpacks no more than this.
MOST_UNPACKED = 250 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("architecture", choices=MACHINES)
    parser.add_argument("--cargo-lambda", required=True)
    parser.add_argument("--component", type=pathlib.Path, required=True, help="a transform that is not precompiled")
    parser.add_argument("--starts", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        package = scratch / "task"
        zip_size = zip_and_unzip(arguments.folder, scratch / "function.zip", package)
        look_at(package, arguments.architecture)
        print(f"ok  {arguments.architecture}: the zip has {zip_size / 1e6:.1f} MB")
        if NAMES.get(platform.machine()) == arguments.architecture:
            run(package, arguments, scratch)


def must(holds, problem):
    if not holds:
        raise SystemExit(f"the package: {problem}")


def zip_and_unzip(folder, archive, destination):
    """As `sam package` and Lambda do it: with the permissions of the files."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writing:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                writing.write(path, path.relative_to(folder))
    with zipfile.ZipFile(archive) as reading:
        for entry in reading.infolist():
            reading.extract(entry, destination)
            os.chmod(destination / entry.filename, (entry.external_attr >> 16) & 0o777)
    return archive.stat().st_size


def look_at(package, architecture):
    """It holds what it should and nothing else, all for one architecture."""
    names = sorted(path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file())
    must(names == sorted([*FILES, "package.json"]), f"it holds {names}")
    must(sum((package / name).stat().st_size for name in names) < MOST_UNPACKED, "it is too large for Lambda")
    must(os.access(package / "bootstrap", os.X_OK), "bootstrap can't be executed")
    for name in ("bootstrap", "transform.cwasm"):
        head = (package / name).open("rb").read(20)
        must(head[:4] == b"\x7fELF", f"{name} is no ELF file")
        machine = int.from_bytes(head[18:20], "little")
        must(machine == MACHINES[architecture], f"{name} is for machine {machine}, not for {architecture}")
    manifest = json.loads((package / "transform.cwasm.json").read_text(encoding="utf-8"))
    must(manifest["target"] == architecture, f"the transform is for {manifest['target']}")
    description = json.loads((package / "package.json").read_text(encoding="utf-8"))
    must(description["architecture"] == architecture, "package.json speaks of another architecture")
    for name, file in description["files"].items():
        digest = hashlib.sha256((package / name).read_bytes()).hexdigest()
        must(digest == file["sha256"], f"package.json has another digest of {name}")
    must(description["files"]["transform.cwasm"]["sha256"] == manifest["sha256"], "the manifest has another digest")


def run(package, arguments, scratch):
    root = pathlib.Path(__file__).resolve().parent.parent
    outputs, dead_letters = scratch / "outputs.ndjson", scratch / "dead.ndjson"
    settings = {
        "KINESIEVE_TRANSFORM": str(package / "transform.cwasm"),
        "KINESIEVE_TRANSFORM_SETTINGS": batch.TRANSFORM_SETTINGS,
        "KINESIEVE_OUTPUT": f"file:{outputs}",
        "KINESIEVE_DEAD_LETTER": f"file:{dead_letters}",
    }
    bootstrap = str(package / "bootstrap")
    records = batch.make()
    with local_lambda.Emulator(arguments.cargo_lambda, root, scratch) as emulator:
        with emulator.attach(bootstrap, settings) as function:
            response, _ = function.invoke(batch.event_of(records))
    must(not accounts.problems_of_response(response, accounts.ALL_DONE), f"it answers {response}")
    counts = [len(path.read_text(encoding="utf-8").splitlines()) for path in (outputs, dead_letters)]
    fates = [record.fate for record in records]
    dropped = fates.count(batch.Fate.DROP)
    must(counts[0] == fates.count(batch.Fate.DELIVER), f"{counts[0]} records were delivered")
    must(sum(counts) + dropped == len(records), f"of {len(records)} records, {counts} came out and {dropped} were dropped")
    print(f"ok  {arguments.architecture}: its own bootstrap processes a batch of {len(records):,} records")

    # There is no compiler in it.
    refused = start(bootstrap, {**settings, "KINESIEVE_TRANSFORM": str(arguments.component)})
    must(refused is None, "it takes a transform that is not precompiled")
    if not arguments.starts:
        return
    times = [start(bootstrap, settings) for _ in range(arguments.starts)]
    must(None not in times, "it does not start")
    shown = f"median of {len(times)}: {statistics.median(times) * 1000:.1f} ms, best {min(times) * 1000:.1f} ms"
    print(f"ok  {arguments.architecture}: from its start to the first poll, {shown}")


def start(bootstrap, settings):
    """Seconds from the start of the process to its first poll; none if it ends before."""
    polled = threading.Event()
    reached = []

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            reached.append(time.perf_counter())
            polled.set()
            # No invocation comes; the function is ended.
            time.sleep(0.2)

        def do_POST(self):
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "_",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        **settings,
    }
    started = time.perf_counter()
    process = subprocess.Popen([bootstrap], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not polled.wait(0.01) and process.poll() is None:
            if time.perf_counter() - started > 30:
                raise SystemExit("the package: it neither polls nor ends")
        return reached[0] - started if reached else None
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
