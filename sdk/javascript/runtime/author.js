// The author's modules: run, asked for what they export, and configured, with an explanation for each thing that can be
// wrong about it.
//
// They are run when an instance starts and not when the component is built, whose state every instance begins with: random
// numbers and times would be those of the build.

import { log } from "kinesieve:transform/host@0.1.0";

import { end } from "./end.js";
import { describeError, headline } from "./errors.js";
import { runMicrotasks } from "./microtasks.js";
import { AT_ONCE, named } from "./named.js";
import { BUNDLE, withOriginalPositions } from "./stack.js";

/** Errors that the engine throws itself. Others are thrown on purpose, with a message for a person. */
const NATIVE = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, InternalError];

/** What the author's modules export, once they ran. */
export function exported(file, load) {
  try {
    const module = load();
    runMicrotasks();
    return module;
  } catch (error) {
    throw `${file} can't be loaded: ${inOneLine(lastWords("it", error))}`;
  }
}

/** What an object has to have under a name, with the article of what it takes. */
export function needFunction(author, what, name, takes) {
  if (typeof author[name] === "function") return;
  const found = author[name] === undefined ? `no \`${name}\`` : `${named(author[name])} as \`${name}\``;
  throw `${what} has ${found}: it has to be a function that ${takes}`;
}

/** Hands the settings over. Without `configure`, there may be none. */
export function configured(author, what, settings) {
  if (author.configure === undefined) {
    if (settings.length === 0) return;
    throw `unknown setting \`${settings[0][0]}\`: the transform takes none, since it has no \`configure\``;
  }
  needFunction(author, what, "configure", "takes settings");
  let answer;
  try {
    answer = author.configure(settings);
    runMicrotasks();
  } catch (error) {
    throw refusal("configure", error);
  }
  if (typeof answer?.then === "function") throw `configure returned a Promise: ${AT_ONCE}`;
}

/** Why a start is refused: what was thrown on purpose as it is, and of an error of the engine where it comes from. */
export function refusal(thrower, error) {
  if (typeof error === "string") return withOriginalPositions(error).toWellFormed();
  if (!(error instanceof Error) || NATIVE.some((kind) => error.constructor === kind)) {
    return inOneLine(lastWords(thrower, error));
  }
  for (const line of describeError(error).split("\n")) log("error", line.toWellFormed());
  const message = typeof error.message === "string" ? error.message : "";
  return (message === "" ? headline(error) : withOriginalPositions(message)).toWellFormed();
}

/** What a function of the author answers. What it throws ends the instance. */
export function answered(name, call) {
  try {
    const answer = call();
    runMicrotasks();
    return answer;
  } catch (error) {
    end(lastWords(name, error));
  }
}

/** The reason in an answer, with the author's files for what an error says of the bundle. */
export function reasonOf(answer) {
  const { tag, val } = answer;
  return typeof val === "string" && val.includes(BUNDLE) ? { tag, val: withOriginalPositions(val) } : answer;
}

/** A refusal is one line, in which others would be escaped. */
const inOneLine = (text) => text.replace(/\s*\n\s*/g, " ");

/** What there is to say about something that was thrown. */
function lastWords(thrower, error) {
  if (error instanceof Error) return describeError(error).toWellFormed();
  if (typeof error === "string") return `${thrower} threw a text: ${withOriginalPositions(error).toWellFormed()}`;
  return `${thrower} threw ${named(error)}: throw an Error, which says where it comes from`;
}
