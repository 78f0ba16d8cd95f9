"""The way of an author with an installed kinesieve: new, test, run, package."""

import hashlib
import json
import platform
import shutil
import tarfile
import time
import zipfile

from empty import must, run
from release import ARCHITECTURES, VERSION

HERE = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64"}[platform.machine()]

# What a function.zip without a connector holds.
PACKAGED = ["bootstrap", "package.json", "transform.cwasm", "transform.cwasm.json"]


def go(program, scratch, environment, language, out):
    """From nothing to a package for each architecture. `out` has the functions that these must hold; none: that of a
    development build. Gives the folder of the project, and what took how many seconds."""
    folder = scratch / "masker"
    shutil.rmtree(folder, ignore_errors=True)
    took = []

    def kinesieve(*arguments):
        begin = time.monotonic()
        said = run([program, *arguments], scratch, environment)
        took.append((f"kinesieve {' '.join(arguments)}", time.monotonic() - begin))
        return said

    must(kinesieve("--version") == f"kinesieve {VERSION}\n", "it is of another version")
    took.clear()
    must("is missing here" not in kinesieve("new", "masker", "--lang", language), "a tool is missing here")
    tested = kinesieve("test", "masker")
    must(tested.endswith("8 passed, 0 failed\n"), f"the cases of the new project fail:\n{tested}")
    # Without a word about it, the package is for arm64; a development build has a function for its own machine alone.
    kinesieve("package", "masker", *([] if out else ["--target", HERE]))
    packaged(folder, out, "arm64" if out else HERE)
    steps = list(took)
    lines = kinesieve("run", "masker", "--input", "masker/input.ndjson", "--case", "readings").splitlines()
    must(len(lines) == 1 and "21.5" in lines[0] and "email" not in lines[0], f"a run gives {lines}")
    for architecture in ARCHITECTURES if out else [HERE]:
        if out and released(out, architecture) is None:
            print(f"--  {architecture}: this release has no function for it")
            continue
        kinesieve("package", "masker", "--target", architecture)
        packaged(folder, out, architecture)
    return folder, steps


def packaged(folder, out, architecture):
    """The package is for this architecture, and has the function of the release."""
    with zipfile.ZipFile(folder / "function.zip") as package:
        description = json.loads(package.read("package.json"))
        must(sorted(package.namelist()) == PACKAGED, f"function.zip holds {package.namelist()}")
    must(description["architecture"] == architecture, f"package.json says {description}")
    expected = released(out, architecture) if out else None
    found = description["files"]["bootstrap"]["sha256"]
    must(expected in (None, found), f"the function for {architecture} is not the one of the release")


def released(out, architecture):
    """The digest of the function in the archive for this machine; none: there is none for that architecture."""
    name = f"kinesieve-{VERSION}-linux-{HERE}"
    with tarfile.open(out / f"{name}.tar.gz") as archive:
        try:
            file = archive.extractfile(f"{name}/lib/kinesieve/bootstrap-{architecture}")
        except KeyError:
            return None
        return hashlib.file_digest(file, "sha256").hexdigest()
