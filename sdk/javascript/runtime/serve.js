// What the component of a transform of records exports: the author's transform, with an explanation for each thing that can
// be wrong about it.

import { answered, configured, exported, needFunction, reasonOf } from "./author.js";
import { end } from "./end.js";
import { start } from "./globals.js";
import { named } from "./named.js";
import { explainOutcome, isOutcome } from "./outcome.js";

/** The exports of the component, of an author's file and a function that runs it. */
export function serve(file, load) {
  let author;
  return {
    configure(settings) {
      start();
      author = transformOf(file, exported(file, load));
      configured(author, `the \`transform\` of ${file}`, settings);
    },

    process(event) {
      const outcome = answered("process", () => author.process(event));
      if (!isOutcome(outcome)) end(explainOutcome(outcome));
      return reasonOf(outcome);
    },
  };
}

/** The transform that the author's modules export. */
function transformOf(file, module) {
  const { transform } = module;
  if (transform === undefined) {
    throw `${file} exports no \`transform\`: ${whatToExport(module)}`;
  }
  if ((typeof transform !== "object" && typeof transform !== "function") || transform === null) {
    throw `${file} exports ${named(transform)} as \`transform\`: it has to be an object with \`process\``;
  }
  if (typeof transform.process !== "function" && typeof transform.accumulate === "function") {
    throw `the \`transform\` of ${file} has \`accumulate\`: a transform of tumbling windows is exported as \`fold\``;
  }
  needFunction(transform, `the \`transform\` of ${file}`, "process", "takes an event");
  return transform;
}

/** What to write where there is no transform of records: it may be one of windows that the build does not see. */
function whatToExport(module) {
  const { fold, accumulate, finish } = module;
  if (fold !== undefined) return "to work on tumbling windows, write `export const fold`, which the build sees";
  if (accumulate !== undefined || finish !== undefined) {
    return "to work on tumbling windows, write `export const fold = { form, begin, accumulate, finish }`";
  }
  const instead = module.default === undefined ? "" : ", not by `export default`";
  return `write \`export const transform = { configure, process }\`${instead}`;
}
