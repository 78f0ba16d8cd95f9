// One file of all that a transform imports, with the SDK around it.

import { builtinModules } from "node:module";
import { basename, join, sep } from "node:path";

import { build, formatMessages } from "esbuild";

import { ExplainedError } from "./explained.js";
import { ENTRY, positions } from "./source-map.js";

/** What of the language the engine knows; newer forms are rewritten. */
const TARGET = "es2023";

/** Names of what is in the component only where the code has them. */
const URLS = /\bURL(SearchParams)?\b/;

/** What the processor offers, as the engine resolves it: with or without the version. */
const HOST = /^kinesieve:transform\/host(@0\.1\.0)?$/;

/** The bundle of a file, in which the author's modules are run when the SDK asks for it. `kind`: what it works on. */
export async function bundled({ path, folder, file, kind, sdk, fullStacks }) {
  const entry =
    `import { ${kind.serve} } from ${JSON.stringify(join(sdk, "runtime", kind.runtime))};\n` +
    `export const ${kind.world} = ${kind.serve}(${JSON.stringify(file)}, () => require(${JSON.stringify(path)}));\n`;
  // Whether `URL` is needed is seen in the code of it all, where there are no comments any more.
  const first = await bundle({ entry, folder, sdk, url: "no-url.js" });
  const made = URLS.test(authorsCode(first)) ? await bundle({ entry, folder, sdk, url: "url.js" }) : first;
  // Those about packages are not the author's to mend.
  const warnings = made.warnings.filter(({ location }) => !location?.file.includes("node_modules"));
  if (warnings.length > 0) process.stderr.write((await shown(warnings, "warning")).join(""));
  const known = { ...made.known, full: fullStacks };
  return `${made.code}\nglobalThis[Symbol.for("kinesieve.bundle")] = ${JSON.stringify(known)};\n`;
}

/** The lines of a bundle that come from the author's files and their packages. */
function authorsCode({ code, known }) {
  return code.split("\n").filter((_, index) => known.lines[index]).join("\n");
}

async function bundle({ entry, folder, sdk, url }) {
  try {
    const made = await build({
      stdin: { contents: entry, resolveDir: folder, sourcefile: ENTRY, loader: "js" },
      absWorkingDir: folder,
      outfile: join(folder, "bundle.js"),
      write: false,
      bundle: true,
      format: "esm",
      platform: "browser",
      conditions: ["worker", "module"],
      target: TARGET,
      charset: "ascii",
      sourcemap: "external",
      legalComments: "none",
      define: { global: "globalThis", "process.env.NODE_ENV": '"production"' },
      supported: { "top-level-await": false },
      plugins: [ownModules(sdk, url)],
      logLevel: "silent",
    });
    const [map, code] = ["bundle.js.map", "bundle.js"].map((name) =>
      made.outputFiles.find((file) => basename(file.path) === name),
    );
    const known = positions(JSON.parse(map.text), map.path, folder, sdk);
    return { code: code.text, known, warnings: made.warnings };
  } catch (error) {
    if (error.errors === undefined) throw error;
    throw new ExplainedError(`the code can't be put together\n\n${(await shown(error.errors.map(explained), "error")).join("")}`);
  }
}

/** Modules of the SDK that depend on the build, or take the place of others. */
function ownModules(sdk, url) {
  return {
    name: "kinesieve-sdk",
    setup({ onResolve }) {
      onResolve({ filter: /^kinesieve-sdk:url$/ }, () => ({ path: join(sdk, "runtime", url) }));
      onResolve({ filter: /^(kinesieve|wasi):/ }, ({ path, importer }) =>
        HOST.test(path) || importer.startsWith(sdk + sep) ? { path, external: true } : { errors: [{ text: notGranted(path) }] },
      );
      onResolve({ filter: /^tr46$/ }, ({ importer }) =>
        /[\\/]whatwg-url[\\/]/.test(importer) ? { path: join(sdk, "runtime", "domains.js") } : undefined,
      );
    },
  };
}

const NODE = new Set(builtinModules);

/** A message of the bundler, with what a transform has in the place of what is missing. */
function explained(message) {
  const missing = /^Could not resolve "(.*)"$/.exec(message.text)?.[1];
  const text = missing === undefined ? laterOn(message.text) : notFound(missing);
  return text === undefined ? { ...message, pluginName: "" } : { ...message, text, notes: [] };
}

function notFound(name) {
  if (name.startsWith("node:") || NODE.has(name.split("/")[0])) {
    return `${name} is a part of Node.js, which a transform does not run in: there are no files, no network and no processes. ` +
      "Take a package that needs no Node.js, or import the data itself";
  }
  if (name.startsWith(".") || name.startsWith("/")) return undefined;
  const whole = name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
  return `the package ${whole} is not installed: \`npm install ${whole}\`, if ${name} is meant`;
}

function notGranted(name) {
  return `a transform is not given ${name}: there is kinesieve:transform/host@0.1.0, and the globals of the SDK`;
}

function laterOn(text) {
  if (!/top-level await/i.test(text)) return undefined;
  return "a transform has no `await` outside of functions, since it is loaded at once";
}

function shown(messages, kind) {
  return formatMessages(messages, { kind, color: process.stderr.isTTY ?? false, terminalWidth: 120 });
}
