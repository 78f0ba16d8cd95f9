#!/usr/bin/env node
// Builds a component of a transform in JavaScript or TypeScript. Without what it needs, it installs that first.

import { parseArgs } from "node:util";

import { installed } from "../lib/install.js";

const USAGE = `usage: kinesieve-build FILE --output COMPONENT [--types] [--full-stacks]

Makes a component of the transform that FILE exports, with all that it imports.

  --output COMPONENT  where the component is written
  --types             check the types, by tsconfig.json
  --full-stacks       leave the frames of the SDK in the stacks of errors
`;

/** Ends with what is wrong, and how to go on. */
function fail(message) {
  process.stderr.write(`kinesieve-build: ${message}\n`);
  process.exit(1);
}

let given;
try {
  given = parseArgs({
    allowPositionals: true,
    options: { output: { type: "string" }, types: { type: "boolean" }, "full-stacks": { type: "boolean" }, help: { type: "boolean" } },
  });
} catch (error) {
  fail(`${error.message}\n\n${USAGE}`);
}
const { values, positionals } = given;
if (values.help) {
  process.stdout.write(USAGE);
} else if (positionals.length !== 1 || values.output === undefined) {
  fail(`it takes one file and --output\n\n${USAGE}`);
} else {
  try {
    installed(process.cwd());
    // Not before it is installed what this imports.
    const { build } = await import("../lib/build.js");
    const { types = false, "full-stacks": fullStacks = false, output } = values;
    await build({ file: positionals[0], output, types, fullStacks });
  } catch (error) {
    fail(error.isExplained ? error.message : error.stack);
  }
}
