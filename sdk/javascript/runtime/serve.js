// What the component exports: the author's transform, with an explanation for each thing that can be wrong about it.
//
// The author's modules are run when an instance starts and not when the component is built, whose state every instance
// begins with: random numbers and times would be those of the build.

import { log } from "kinesieve:transform/host@0.1.0";

import { end } from "./end.js";
import { describeError, headline } from "./errors.js";
import { start } from "./globals.js";
import { runMicrotasks } from "./microtasks.js";
import { explainOutcome, isOutcome, named } from "./outcome.js";
import { BUNDLE, withOriginalPositions } from "./stack.js";

/** Errors that the engine throws itself. Others are thrown on purpose, with a message for a person. */
const NATIVE = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, InternalError];

/** The exports of the component, of an author's file and a function that runs it. */
export function serve(file, load) {
  let author;
  return {
    configure(settings) {
      start();
      author = loaded(file, load);
      if (author.configure !== undefined) {
        configured(author, settings);
      } else if (settings.length > 0) {
        throw `unknown setting \`${settings[0][0]}\`: the transform takes none, since it has no \`configure\``;
      }
    },

    process(event) {
      let outcome;
      try {
        outcome = author.process(event);
        runMicrotasks();
      } catch (error) {
        end(lastWords("process", error));
      }
      if (!isOutcome(outcome)) end(explainOutcome(outcome));
      const { val } = outcome;
      if (typeof val === "string" && val.includes(BUNDLE)) return { tag: outcome.tag, val: withOriginalPositions(val) };
      return outcome;
    },
  };
}

/** The transform that the author's modules export, once they ran. */
function loaded(file, load) {
  let module;
  try {
    module = load();
    runMicrotasks();
  } catch (error) {
    throw `${file} can't be loaded: ${inOneLine(lastWords("it", error))}`;
  }
  const { transform } = module;
  if (transform === undefined) {
    const instead = module.default === undefined ? "" : ", not by `export default`";
    throw `${file} exports no \`transform\`: write \`export const transform = { configure, process }\`${instead}`;
  }
  if ((typeof transform !== "object" && typeof transform !== "function") || transform === null) {
    throw `${file} exports ${named(transform)} as \`transform\`: it has to be an object with \`process\``;
  }
  if (typeof transform.process !== "function") {
    const found = transform.process === undefined ? "no `process`" : `${named(transform.process)} as \`process\``;
    throw `the \`transform\` of ${file} has ${found}: it has to be a function that takes an event`;
  }
  if (transform.configure !== undefined && typeof transform.configure !== "function") {
    const found = named(transform.configure);
    throw `the \`transform\` of ${file} has ${found} as \`configure\`: it has to be a function that takes settings`;
  }
  return transform;
}

function configured(author, settings) {
  let answer;
  try {
    answer = author.configure(settings);
    runMicrotasks();
  } catch (error) {
    throw refusal(error);
  }
  if (typeof answer?.then === "function") {
    throw "configure returned a Promise: a transform answers at once, so take `async` and `await` away";
  }
}

/** Why settings are refused: what was thrown on purpose as it is, and of an error of the engine where it comes from. */
function refusal(error) {
  if (typeof error === "string") return withOriginalPositions(error).toWellFormed();
  if (!(error instanceof Error) || NATIVE.some((kind) => error.constructor === kind)) {
    return inOneLine(lastWords("configure", error));
  }
  for (const line of describeError(error).split("\n")) log("error", line.toWellFormed());
  const message = typeof error.message === "string" ? error.message : "";
  return (message === "" ? headline(error) : withOriginalPositions(message)).toWellFormed();
}

/** A refusal is one line, in which others would be escaped. */
const inOneLine = (text) => text.replace(/\s*\n\s*/g, " ");

/** What there is to say about something that was thrown. */
function lastWords(thrower, error) {
  if (error instanceof Error) return describeError(error).toWellFormed();
  if (typeof error === "string") return `${thrower} threw a text: ${withOriginalPositions(error).toWellFormed()}`;
  return `${thrower} threw ${named(error)}: throw an Error, which says where it comes from`;
}
