#!/usr/bin/env python3
"""Writes package.json into a package: what is in it, so that a deployed function can be told apart.

Usage: describe_package.py FOLDER ARCHITECTURE
"""

import hashlib
import json
import pathlib
import sys
import tomllib

FILES = ["bootstrap", "transform.cwasm", "transform.cwasm.json"]


def describe(folder, architecture):
    root = pathlib.Path(__file__).resolve().parent.parent
    with open(root / "Cargo.toml", "rb") as manifest:
        version = tomllib.load(manifest)["package"]["version"]
    files = {}
    for name in FILES:
        content = (folder / name).read_bytes()
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {"kinesieve": version, "architecture": architecture, "files": files}


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    description = describe(folder, sys.argv[2])
    (folder / "package.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    for name, file in description["files"].items():
        print(f"{file['bytes']:>12,} bytes  {name}")


if __name__ == "__main__":
    main()
