#!/usr/bin/env python3
"""Runs the static program as its image does: on a file system that has nothing but the program, certificates and a transform, and
that can't be written to, as user 65532 where this is root. What it talks to are emulators.

Usage: check_static.py PROGRAM --transform FILE --services COMMAND...
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

NOBODY = 65532
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
RECORDS = 6
TIMEOUT = 60.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--transform", type=pathlib.Path, required=True)
    parser.add_argument("--services", nargs=argparse.REMAINDER, required=True, help="starts the emulators and says how to reach them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        image = Image(pathlib.Path(folder), arguments.program, arguments.transform)
        image.says(["--version"], "kinesieve ")
        image.says(["run", "--transform", "/transform.wasm", "--input", "-", "--output", "stdout"], "one\n", b"one\n")
        services = subprocess.Popen(arguments.services, stdout=subprocess.PIPE, text=True)
        try:
            runs_in_a_fleet(image, variables_of(services))
        finally:
            services.send_signal(signal.SIGTERM)
            services.wait()
    print(f"{arguments.program}: it does its work on an empty file system, read-only, as user {NOBODY if is_root() else os.getuid()}")


class Image:
    """The files of the image, in a folder."""

    def __init__(self, root, program, transform):
        self.root = root
        certificates = root / CERTIFICATES.relative_to("/")
        certificates.parent.mkdir(parents=True)
        if CERTIFICATES.is_file():
            shutil.copy(CERTIFICATES, certificates)
        shutil.copy(program, root / "kinesieve")
        shutil.copy(transform, root / "transform.wasm")
        # A temporary folder is its owner's alone.
        root.chmod(0o755)
        (root / "transform.wasm").chmod(0o644)

    def command(self, words):
        """The command that runs the program with these arguments in there."""
        namespaces = ["--mount"] if is_root() else ["--user", "--map-root-user", "--mount"]
        user = [f"--userspec={NOBODY}:{NOBODY}"] if is_root() else []
        confine = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec chroot "$@"'
        return ["unshare", *namespaces, "sh", "-c", confine, self.root, *user, self.root, "/kinesieve", *words]

    def says(self, words, start, given=b"", variables=None):
        """Runs it to its end: what it says begins so."""
        environment = {"PATH": os.environ["PATH"], **(variables or {})}
        done = subprocess.run(self.command(words), input=given, env=environment, capture_output=True, timeout=TIMEOUT)
        if done.returncode != 0 or not done.stdout.decode().startswith(start):
            sys.exit(f"{words}: exit code {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")


def runs_in_a_fleet(image, variables):
    """Puts records, and has them read in a fleet of one, until SIGTERM."""
    lines = "".join(f'{{"device":"d{number}"}}\n' for number in range(RECORDS)).encode()
    image.says(["put", "--stream", "readings", "--key", "/device"], f"{RECORDS} records put", lines, variables)
    words = ["run", "--transform=/transform.wasm", "--input=readings", "--output=stdout", "--balance", "--checkpoint-table=positions"]
    environment = {"PATH": os.environ["PATH"], **variables}
    with subprocess.Popen(image.command(words), stdout=subprocess.PIPE, env=environment, text=True) as running:
        watchdog = signal.signal(signal.SIGALRM, lambda *_: running.kill())
        signal.alarm(int(TIMEOUT))
        delivered = [running.stdout.readline() for _ in range(RECORDS)]
        running.send_signal(signal.SIGTERM)
        code = running.wait()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, watchdog)
    if code != 0 or sorted(delivered) != lines.decode().splitlines(keepends=True):
        sys.exit(f"in a fleet: exit code {code}, delivered {delivered}")


def variables_of(services):
    """What the services say, once they answer, of how they are reached."""
    variables = {}
    for line in services.stdout:
        if line.startswith("export "):
            words = line.removeprefix("export ").split()
            variables |= dict(word.split("=", 1) for word in words)
        elif variables:
            return variables
    sys.exit("the services do not say how to reach them")


def is_root():
    return os.geteuid() == 0


if __name__ == "__main__":
    main()
