// What `process` answers: checked, and explained where it is not what the contract asks for. Nothing of a payload gets into
// an explanation, since that goes to the log and to the dead letter.

import { AT_ONCE, isObject, named } from "./named.js";
import { areOutputs, explainOutputs } from "./outputs.js";

const TAGS = ["keep", "drop", "emit", "retry", "reject"];

/** Whether a value is an outcome. It is asked for each record, so it looks at no more than has to be looked at. */
export function isOutcome(outcome) {
  if (typeof outcome !== "object" || outcome === null) return false;
  switch (outcome.tag) {
    case "keep":
    case "drop":
      return true;
    case "emit":
      return areOutputs(outcome.val);
    case "retry":
    case "reject":
      return typeof outcome.val === "string" && outcome.val.isWellFormed();
    default:
      return false;
  }
}

/** Why a value is no outcome, and what to return instead. */
export function explainOutcome(outcome) {
  if (outcome === undefined) return 'process returned nothing: return { tag: "keep" } or another outcome';
  if (typeof outcome === "string") return explainText(outcome);
  if (typeof outcome !== "object" || outcome === null) {
    return `process returned ${named(outcome)}: return { tag: "keep" } or another outcome`;
  }
  if (typeof outcome.then === "function") return `process returned a Promise: ${AT_ONCE}`;
  if (Array.isArray(outcome)) {
    return 'process returned an array: to deliver outputs, return { tag: "emit", val: [{ data }] }';
  }
  if (ArrayBuffer.isView(outcome)) {
    return `process returned ${named(outcome)}: to deliver these bytes, return { tag: "emit", val: [{ data }] }`;
  }
  if (outcome.tag === undefined) return explainUntagged(outcome);
  if (typeof outcome.tag !== "string") return `process returned ${named(outcome.tag)} as tag: ${allTags()}`;
  if (!TAGS.includes(outcome.tag)) return explainTag(outcome.tag);
  return outcome.tag === "emit" ? explainEmit(outcome.val) : explainReason("process", outcome, example);
}

const allTags = () => `the tags are ${TAGS.join(", ")}`;
const example = (tag) =>
  ({
    keep: '{ tag: "keep" }',
    drop: '{ tag: "drop" }',
    emit: '{ tag: "emit", val: [{ data }] }',
    retry: '{ tag: "retry", val: "why" }',
    reject: '{ tag: "reject", val: "why" }',
  })[tag];

function explainText(text) {
  const tag = TAGS.find((other) => other === text.trim().toLowerCase());
  if (tag !== undefined) return `process returned the text "${tag}": return ${example(tag)}`;
  return `process returned a text: to deliver it, return { tag: "emit", val: [{ data: new TextEncoder().encode(text) }] }`;
}

function explainUntagged(outcome) {
  if ("data" in outcome) return 'process returned an output: return { tag: "emit", val: [output] }';
  const tag = TAGS.find((other) => Object.hasOwn(outcome, other));
  if (tag !== undefined) return `process returned an object with the field ${tag} and no tag: return ${example(tag)}`;
  return `process returned an object without a tag: return ${example("keep")}, or to deliver it ` +
    '{ tag: "emit", val: [{ data: new TextEncoder().encode(JSON.stringify(object)) }] }';
}

function explainTag(found) {
  const meant = TAGS.find((tag) => tag === found.trim().toLowerCase());
  if (meant !== undefined) return `process returned the tag "${found.slice(0, 20)}": write it "${meant}"`;
  // A tag is a word of the author's code; what is longer is something else.
  const shown = /^[\w-]{1,20}$/.test(found) ? `the tag "${found}"` : "a tag that is no word";
  return `process returned ${shown}: ${allTags()}`;
}

/** Why what a function returned, with a tag, has no reason. `example`: what to return instead, by its tag. */
export function explainReason(by, { tag, val }, example) {
  if (typeof val === "string") return `the reason of ${tag} has half of a surrogate pair: use val.toWellFormed()`;
  const remedy = val instanceof Error ? "for an error, val: String(error)" : example(tag);
  return `${by} returned { tag: "${tag}" } with ${named(val)} as val, which has to be a text that says why: ${remedy}`;
}

function explainEmit(outputs) {
  if (!Array.isArray(outputs)) {
    const remedy = isObject(outputs) && "data" in outputs ? "put it into an array, val: [output]" : example("emit");
    return `process returned { tag: "emit" } with ${named(outputs)} as val, which has to be an array of outputs: ${remedy}`;
  }
  return explainOutputs(outputs, { by: "process", example: example("emit") });
}
