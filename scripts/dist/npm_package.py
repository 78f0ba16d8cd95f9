"""The npm packages of the command line: `npm install -g kinesieve` fetches the one for its machine."""

import json

from release import ARCHITECTURES, DESCRIPTION, KEYWORDS, LICENSE, REPOSITORY, ROOT, VERSION, installed_files, write_tar

# Starts the program of the package for this machine, and ends as it ends.
LAUNCHER = """#!/usr/bin/env node
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const machine = `${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`@kinesieve/${machine}/bin/kinesieve`);
} catch {
  console.error(
    `kinesieve: there is no program for ${machine} here. There are packages for PLATFORMS; if this is one of them, ` +
      `install again without --omit=optional`,
  );
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends Ctrl-C to both; the program decides what becomes of it. What is sent to this process alone goes on.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`kinesieve: ${program} does not start: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
"""


def _manifest(name, description, **more):
    common = {
        "name": name,
        "version": VERSION,
        "description": description,
        "license": LICENSE,
        "keywords": KEYWORDS,
        "homepage": REPOSITORY,
        "repository": {"type": "git", "url": f"git+{REPOSITORY}.git"},
        "bugs": f"{REPOSITORY}/issues",
        "publishConfig": {"access": "public"},
    }
    return json.dumps({**common, **more}, indent=2) + "\n"


def _pack(stage, path, manifest, files):
    """Writes a package as `npm pack` does: all below `package/`."""
    scratch = stage / "npm" / path.name
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "package.json").write_text(manifest, encoding="utf-8")
    write_tar(path, [(f"package/{name}", file, program) for name, file, program in [*files, ("package.json", scratch / "package.json", False)]])
    return path


def build_platform(stage, out, architecture):
    """The package with the program and the functions, for one machine."""
    machine = ARCHITECTURES[architecture]["npm"]
    name = f"@kinesieve/linux-{machine}"
    manifest = _manifest(name, f"The program of kinesieve for Linux on {machine}", os=["linux"], cpu=[machine], libc=["glibc"])
    files = [*installed_files(stage, architecture), ("LICENSE", ROOT / "LICENSE", False)]
    return _pack(stage, out / f"kinesieve-linux-{machine}-{VERSION}.tgz", manifest, files)


def build_main(stage, out):
    """The package that people install."""
    platforms = [f"linux-{architecture['npm']}" for architecture in ARCHITECTURES.values()]
    launcher = stage / "npm" / "kinesieve.js"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text(LAUNCHER.replace("PLATFORMS", " and ".join(platforms)), encoding="utf-8")
    manifest = _manifest(
        "kinesieve",
        DESCRIPTION,
        bin={"kinesieve": "bin/kinesieve.js"},
        engines={"node": ">=18"},
        optionalDependencies={f"@kinesieve/{platform}": VERSION for platform in platforms},
    )
    files = [("bin/kinesieve.js", launcher, True), *((page, ROOT / page, False) for page in ["LICENSE", "README.md"])]
    return _pack(stage, out / f"kinesieve-{VERSION}.tgz", manifest, files)
