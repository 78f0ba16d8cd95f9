// What a transform works on: its file says it, by what it exports.

import { build } from "esbuild";

import { ExplainedError } from "./explained.js";

/** What is exported, the function of the SDK that serves it, the export of the component, and its world. */
const RECORDS = { exported: "transform", runtime: "serve.js", serve: "serve", world: "transform" };
const WINDOWS = { exported: "fold", runtime: "fold.js", serve: "serveFold", world: "window" };

/**
 * The kind of the transform in a file. Where it exports neither, or can't be read, it is one of records: what is wrong with
 * it is said later on.
 */
export async function kindOf({ path, folder, file }) {
  const names = await exportsOf(path, folder);
  const [isOfRecords, isOfWindows] = [RECORDS, WINDOWS].map(({ exported }) => names.includes(exported));
  if (isOfRecords && isOfWindows) {
    throw new ExplainedError(
      `${file} exports \`transform\`, for records, and \`fold\`, for tumbling windows: a component is one of them, so ` +
        "export the other one in a project of its own",
    );
  }
  return isOfWindows ? WINDOWS : RECORDS;
}

/** The names that a module exports, with those that it exports of others. */
async function exportsOf(path, folder) {
  try {
    const { metafile } = await build({
      entryPoints: [path],
      absWorkingDir: folder,
      outfile: "bundle.js",
      write: false,
      metafile: true,
      bundle: true,
      format: "esm",
      platform: "browser",
      packages: "external",
      external: ["kinesieve:*", "wasi:*", "node:*"],
      logLevel: "silent",
    });
    return Object.values(metafile.outputs)[0].exports;
  } catch (error) {
    if (error.errors === undefined) throw error;
    return [];
  }
}
