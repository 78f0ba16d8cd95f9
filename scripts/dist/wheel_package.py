"""The wheel of the command line: `pip install kinesieve`."""

import os
import subprocess
import sys

from release import ARCHITECTURES, C_LIBRARY, DESCRIPTION, KEYWORDS, LICENSE, PAGES, REPOSITORY, ROOT, TIME, VERSION
from release import installed_files, place, write

METADATA = f"""Metadata-Version: 2.4
Name: kinesieve
Version: {VERSION}
Summary: {DESCRIPTION}
License-Expression: {LICENSE}
License-File: LICENSE
Keywords: {",".join(KEYWORDS)}
Classifier: Development Status :: 4 - Beta
Classifier: Environment :: Console
Classifier: Intended Audience :: Developers
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Rust
Classifier: Topic :: Software Development :: Build Tools
Project-URL: Homepage, {REPOSITORY}
Project-URL: Changelog, {REPOSITORY}/blob/main/CHANGELOG.md
Project-URL: Issues, {REPOSITORY}/issues
Requires-Python: >=3.8
Description-Content-Type: text/markdown

"""


def build(stage, out, architecture):
    """Packs the wheel of an architecture: the program as a script, the functions as data below the prefix."""
    glibc = C_LIBRARY.replace(".", "_")
    tag = f"py3-none-manylinux_{glibc}_{ARCHITECTURES[architecture]['wheel']}"
    folder = stage / "wheel" / f"kinesieve-{VERSION}"
    data, info = folder / f"kinesieve-{VERSION}.data", folder / f"kinesieve-{VERSION}.dist-info"
    for name, file, is_program in installed_files(stage, architecture):
        where = data / "scripts" / "kinesieve" if name.startswith("bin/") else data / "data" / name
        place(file, where, is_program)
    write(info / "METADATA", METADATA + (ROOT / "README.md").read_text(encoding="utf-8"))
    write(info / "WHEEL", f"Wheel-Version: 1.0\nGenerator: kinesieve\nRoot-Is-Purelib: false\nTag: {tag}\n")
    for page in PAGES[:1]:
        place(ROOT / page, info / "licenses" / page)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(TIME)}
    subprocess.run([sys.executable, "-m", "wheel", "pack", "--dest-dir", out, folder], check=True, env=environment)
    return out / f"kinesieve-{VERSION}-{tag}.whl"
