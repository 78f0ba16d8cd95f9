// The packages of a project: installed where they are not yet, or no longer what package.json asks for. npm itself takes
// the better part of a second to find out that there is nothing to do.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ExplainedError } from "./explained.js";

/** Where npm writes what it installed. */
const DONE = "node_modules/.package-lock.json";

const SDK = dirname(dirname(fileURLToPath(import.meta.url)));

/** Has the packages of the project in a folder installed. */
export function installed(folder) {
  const description = join(folder, "package.json");
  if (!existsSync(description)) {
    throw new ExplainedError(`${description} is missing: \`npm init\` makes one; then \`npm install --save-dev kinesieve-sdk\``);
  }
  if (!isUpToDate(folder)) npmInstall(folder, []);
  // npm leaves alone what a package needs that lies outside of the project.
  if (!hasOwnPackages()) npmInstall(SDK, ["--no-package-lock"]);
}

function npmInstall(folder, more) {
  const words = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", ...more];
  // On Windows npm is a script, which only a shell starts.
  const { error, status } = spawnSync("npm", words, {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (error !== undefined) throw new ExplainedError(`npm can't be started (${error.code}): install Node.js, which has it`);
  if (status !== 0) throw new ExplainedError(`\`npm ${words.join(" ")}\` in ${folder} failed: what it says stands above`);
}

function isUpToDate(folder) {
  const done = changed(join(folder, DONE));
  const asked = [join(folder, "package.json"), join(folder, "package-lock.json"), join(SDK, "package.json")];
  if (done === undefined || asked.some((file) => changed(file) > done)) return false;
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.keys({ ...dependencies, ...devDependencies }).every((name) => existsSync(join(folder, "node_modules", name)));
}

/** Whether what this package needs itself can be loaded. */
function hasOwnPackages() {
  const { resolve } = createRequire(import.meta.url);
  try {
    for (const name of ["esbuild", "componentize-qjs"]) resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** When a file was changed; undefined: it is not there. */
function changed(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
