#!/usr/bin/env python3
"""Builds the packages of a release into a folder: archives, wheels and npm packages of the command line, each with the
functions for Lambda in it, the packages of the SDKs, and SHA256SUMS.

The functions are compiled first, since the command line knows their digests. Nothing is published.

Usage: build.py --out FOLDER --stage FOLDER --cargo-lambda FILE --cargo-zigbuild FILE [--arch ARCH ...]
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

import npm_package
import sdk_packages
import wheel_package
from release import ARCHITECTURES, C_LIBRARY, PAGES, ROOT, VERSION, installed_files, place, sha256, write_tar


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--stage", type=pathlib.Path, required=True)
    parser.add_argument("--cargo-lambda", required=True)
    parser.add_argument("--cargo-zigbuild", required=True)
    parser.add_argument("--arch", choices=ARCHITECTURES, action="append")
    arguments = parser.parse_args()
    architectures = arguments.arch or list(ARCHITECTURES)
    stage, out = arguments.stage.resolve(), arguments.out.resolve()
    for folder in [out, stage]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for architecture in architectures:
        function(arguments.cargo_lambda, stage, architecture)
    digests = {architecture: sha256(stage / architecture / "bootstrap") for architecture in architectures}
    for architecture in architectures:
        command_line(arguments.cargo_zigbuild, stage, architecture, digests)
        made = [
            archive(stage, out, architecture),
            wheel_package.build(stage, out, architecture),
            npm_package.build_platform(stage, out, architecture),
        ]
        for path in made:
            say(f"{path.stat().st_size / 1e6:8.1f} MB  {path.name}")
    npm_package.build_main(stage, out)
    say("\n==> The SDKs")
    for path in sdk_packages.build(stage, out):
        say(f"{path.stat().st_size / 1e6:8.3f} MB  {path.name}")
    for_pypi = sorted([*out.glob("*.whl"), *out.glob("kinesieve_sdk-*.tar.gz")])
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *for_pypi], check=True)
    sums = "".join(f"{sha256(path)}  {path.name}\n" for path in sorted(out.iterdir()))
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    say(f"{out}: the packages of kinesieve {VERSION}, with SHA256SUMS. Nothing is published")


def say(line):
    print(line, flush=True)


def function(cargo_lambda, stage, architecture):
    """Compiles the function for Lambda, without the compiler of transforms."""
    say(f"\n==> The function for {architecture}")
    folder = stage / "lambda" / architecture
    flag = "--arm64" if architecture == "arm64" else "--x86-64"
    command = [cargo_lambda, "lambda", "build", "--profile", "lambda", "--bin", "kinesieve-lambda", "--no-default-features"]
    subprocess.run([*command, flag, "--lambda-dir", folder, "--flatten", "kinesieve-lambda"], check=True, cwd=ROOT)
    place(folder / "bootstrap", stage / architecture / "bootstrap", is_program=True)


def command_line(cargo_zigbuild, stage, architecture, digests):
    """Compiles the command line, which knows the functions by their digests."""
    say(f"\n==> The command line for {architecture}")
    target = ARCHITECTURES[architecture]["rust"]
    known = {f"KINESIEVE_RELEASE_BOOTSTRAP_{name.upper()}_SHA256": digest for name, digest in digests.items()}
    # What is strange to the program that runs, a path on this machine for instance, is not in it.
    environment = {**os.environ, **known, "CARGO_PROFILE_RELEASE_STRIP": "symbols"}
    command = [cargo_zigbuild, "zigbuild", "--release", "--bin", "kinesieve", "--target", f"{target}.{C_LIBRARY}"]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    place(ROOT / "target" / target / "release" / "kinesieve", stage / architecture / "kinesieve", is_program=True)


def archive(stage, out, architecture):
    """Packs what is installed into a folder of the version's name."""
    name = f"kinesieve-{VERSION}-linux-{architecture}"
    files = [*installed_files(stage, architecture), *((page, ROOT / page, False) for page in PAGES)]
    path = out / f"{name}.tar.gz"
    write_tar(path, [(f"{name}/{place}", file, is_program) for place, file, is_program in files])
    return path


if __name__ == "__main__":
    main()
