"""The SDKs' own packages: a project that has its SDK from them, and no copy, does the same."""

import json
import shutil
import tarfile
import venv

from empty import must, run, variables
from release import VERSION


def all_languages(out, scratch):
    """Goes on in the folder of an installation, whose program is at kinesieve/bin."""
    for language, without_copy in {"python": _python, "javascript": _javascript, "rust": _rust}.items():
        environment = variables(scratch, scratch / "kinesieve/bin", rust=language == "rust")
        folder = scratch / f"sdk-{language}"
        run(["kinesieve", "new", folder.name, "--lang", language], scratch, environment)
        shutil.rmtree(folder / "vendor")
        (folder / ".kinesieve-sdk.json").unlink()
        environment = without_copy(out, folder, environment) or environment
        tested = run(["kinesieve", "test"], folder, environment)
        must(tested.endswith("8 passed, 0 failed\n"), f"with the package of the SDK for {language}:\n{tested}")
        print(f"ok  the package of the SDK for {language}", flush=True)


def _builds_with(folder, command):
    """Has the project built by a program that a package brought."""
    path = folder / "kinesieve.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**description, "build": [[*command, "--output", description["component"]]]}), encoding="utf-8")


def _python(out, folder, environment):
    prefix = folder.parent / "sdk-venv"
    venv.create(prefix, with_pip=True)
    [wheel] = out.glob("kinesieve_sdk-*.whl")
    run([prefix / "bin/pip", "install", "--no-index", "--disable-pip-version-check", wheel], folder, environment)
    _builds_with(folder, ["kinesieve-build"])
    return {**environment, "PATH": f"{prefix}/bin:{environment['PATH']}"}


def _javascript(out, folder, environment):
    path = folder / "package.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["devDependencies"]["kinesieve-sdk"] = f"file:{out}/kinesieve-sdk-{VERSION}.tgz"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], folder, environment)
    _builds_with(folder, ["npx", "--no-install", "kinesieve-build", "src/transform.js"])


def _rust(out, folder, environment):
    """As from a registry, but that the crates are unpacked here."""
    for crate in ["kinesieve-sdk", "kinesieve-sdk-macros"]:
        with tarfile.open(out / f"{crate}-{VERSION}.crate") as archive:
            archive.extractall(folder / "crates", filter="data")
    path = folder / "Cargo.toml"
    vendored = 'kinesieve-sdk = { path = "vendor/kinesieve-sdk" }'
    manifest = path.read_text(encoding="utf-8")
    must(vendored in manifest, f"{path} does not name its SDK as {vendored}")
    there = "".join(f'{crate} = {{ path = "crates/{crate}-{VERSION}" }}\n' for crate in ["kinesieve-sdk", "kinesieve-sdk-macros"])
    path.write_text(manifest.replace(vendored, f'kinesieve-sdk = "{VERSION}"') + f"\n[patch.crates-io]\n{there}", encoding="utf-8")
