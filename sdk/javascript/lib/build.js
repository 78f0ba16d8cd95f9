// From the author's file to a component: all of it as one file, with the SDK around it, and that into the engine.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { componentize } from "componentize-qjs";

import { bundled } from "./bundle.js";
import { checked } from "./check.js";
import { ExplainedError } from "./explained.js";
import { kindOf } from "./kind.js";

const SDK = realpathSync(dirname(dirname(fileURLToPath(import.meta.url))));

/** The worlds that a component is built for: those of the contract, and what the SDK itself needs of WASI. */
const WIT = join(SDK, "wit");

/** Builds the transform in a file, unless the component that is there was made of just the same. */
export async function build({ file: given, output, types, fullStacks }) {
  const folder = realpathSync(process.cwd());
  const path = resolve(folder, given);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new ExplainedError(`${path} is missing: name the file that exports \`transform\` or \`fold\``);
  }
  const source = { path: realpathSync(path), folder, file: relative(folder, realpathSync(path)).split(sep).join("/") };
  const kind = await kindOf(source);
  // What can't be put together is said first: it is why types are missing, too.
  const checking = types ? checked(folder) : Promise.resolve();
  const [bundling, check] = await Promise.allSettled([
    bundled({ ...source, kind, sdk: SDK, fullStacks }),
    checking,
  ]);
  for (const { status, reason } of [bundling, check]) if (status === "rejected") throw reason;
  const code = bundling.value;
  const component = resolve(folder, output);
  const stamp = join(folder, "node_modules", ".cache", "kinesieve-sdk", `${basename(component)}.json`);
  const made = digest(code, kind.world, ...readdirSync(WIT, { recursive: true, withFileTypes: true }).map(contents), engine());
  if (isMade(component, stamp, made)) return;
  const bytes = await componentOf(code, kind.world);
  mkdirSync(dirname(component), { recursive: true });
  writeFileSync(component, bytes);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, JSON.stringify({ of: made, is: digest(bytes) }));
  const kib = Math.round(bytes.length / 1024);
  process.stderr.write(`${relative(folder, component).split(sep).join("/")}: a component of ${kib} KiB\n`);
}

async function componentOf(code, world) {
  try {
    return (await componentize({ witPath: WIT, world, jsSource: code, sync: true })).component;
  } catch (error) {
    throw new ExplainedError(`the engine does not take the code: ${error.message}`);
  }
}

/** Whether the component is there that was made of this. */
function isMade(component, stamp, made) {
  if (!existsSync(component) || !existsSync(stamp)) return false;
  try {
    const { of, is } = JSON.parse(readFileSync(stamp, "utf8"));
    return of === made && is === digest(readFileSync(component));
  } catch {
    return false;
  }
}

/** The version of the engine, which is a part of the component. */
function engine() {
  return readFileSync(fileURLToPath(import.meta.resolve("componentize-qjs/package.json")), "utf8");
}

function contents(entry) {
  return entry.isFile() ? readFileSync(join(entry.parentPath ?? entry.path, entry.name)) : "";
}

function digest(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}
