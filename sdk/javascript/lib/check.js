// The types of a project, checked by its own compiler.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { ExplainedError } from "./explained.js";

/** Checks the types of the project in a folder, by its tsconfig.json. */
export async function checked(folder) {
  const compiler = join(folder, "node_modules", "typescript");
  if (!existsSync(compiler)) {
    throw new ExplainedError("--types needs the package typescript: `npm install --save-dev typescript`");
  }
  const { bin } = JSON.parse(readFileSync(join(compiler, "package.json"), "utf8"));
  const { status, said } = await run(process.execPath, [join(compiler, bin.tsc), "--noEmit", "--pretty", "false"], folder);
  if (status !== 0) throw new ExplainedError(`the types don't fit\n\n${said.trimEnd()}`);
}

/** Runs a program to its end. */
function run(program, words, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    child.on("error", reject).on("close", (status) => resolve({ status, said }));
  });
}
