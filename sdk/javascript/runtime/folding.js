// What `accumulate` and `finish` answer, explained where it is not what the contract asks for. Nothing of a payload gets into
// an explanation.

import { AT_ONCE, isObject, named } from "./named.js";
import { explainReason } from "./outcome.js";
import { explainOutputs } from "./outputs.js";

const FAILURES = ["retry", "reject"];
const example = (tag) => `{ tag: "${tag}", val: "why" }`;
const FAILURE = `${example("retry")} or ${example("reject")}`;
const ARRAY = "return [{ data }], or [] for none";

/** Whether an answer says why something failed. */
export function isFailure(answer) {
  return isObject(answer) && FAILURES.includes(answer.tag) && typeof answer.val === "string" && answer.val.isWellFormed();
}

/** Why `accumulate` may not answer so, and what to do instead. */
export function explainFolding(answer, state) {
  const remedy = `change the state that it is given, and return nothing; or return ${FAILURE}`;
  if (answer === state) return `accumulate returned the state: ${remedy}`;
  const common = explainAnswer("accumulate", answer);
  if (common !== undefined) return common;
  const tag = tagOf(answer);
  if (tag === "emit") {
    return 'accumulate returned { tag: "emit" }: outputs are what `finish` returns, when the window is over';
  }
  if (tag !== undefined) {
    return `accumulate returned the tag "${tag}": for an event that it folds or passes over, return nothing`;
  }
  return `accumulate returned ${named(answer)}: ${remedy}`;
}

/** Why `finish` may not answer so, and what to do instead. */
export function explainConclusion(answer) {
  const common = explainAnswer("finish", answer);
  if (common !== undefined) return common;
  if (Array.isArray(answer)) return explainOutputs(answer, { by: "finish", example: "return [{ data }]" });
  if (answer === undefined) return `finish returned nothing: ${ARRAY}`;
  if (typeof answer === "string") {
    return "finish returned a text: to deliver it, return [{ data: new TextEncoder().encode(text) }]";
  }
  if (ArrayBuffer.isView(answer)) return `finish returned ${named(answer)}: to deliver these bytes, return [{ data }]`;
  if (!isObject(answer)) return `finish returned ${named(answer)}: ${ARRAY}`;
  const tag = tagOf(answer);
  if (tag === "emit") return 'finish returned { tag: "emit" }: return the array of outputs itself, without a tag';
  if (tag !== undefined) return `finish returned the tag "${tag}": ${ARRAY}; or ${FAILURE}`;
  if ("data" in answer) return "finish returned an output: return [output]";
  return (
    `finish returned ${named(answer)}, which has to be an array of outputs: to deliver it, ` +
    "return [{ data: new TextEncoder().encode(JSON.stringify(object)) }]"
  );
}

/** What is wrong with answers of both. */
function explainAnswer(by, answer) {
  if (!isObject(answer)) return undefined;
  if (typeof answer.then === "function") return `${by} returned a Promise: ${AT_ONCE}`;
  return FAILURES.includes(answer.tag) ? explainReason(by, answer, example) : undefined;
}

/** A tag that is a word of the author's code. */
function tagOf(answer) {
  if (!isObject(answer) || typeof answer.tag !== "string") return undefined;
  return /^[\w-]{1,20}$/.test(answer.tag) ? answer.tag : undefined;
}
