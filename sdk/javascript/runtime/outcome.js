// What `process` answers: checked, and explained where it is not what the contract asks for. Nothing of a payload gets into
// an explanation, since that goes to the log and to the dead letter.

const TAGS = ["keep", "drop", "emit", "retry", "reject"];

/** Whether a value is an outcome. It is asked for each record, so it looks at no more than has to be looked at. */
export function isOutcome(outcome) {
  if (typeof outcome !== "object" || outcome === null) return false;
  switch (outcome.tag) {
    case "keep":
    case "drop":
      return true;
    case "emit": {
      const outputs = outcome.val;
      if (!Array.isArray(outputs)) return false;
      for (let index = 0; index < outputs.length; index += 1) {
        if (!isOutput(outputs[index])) return false;
      }
      return true;
    }
    case "retry":
    case "reject":
      return typeof outcome.val === "string" && outcome.val.isWellFormed();
    default:
      return false;
  }
}

function isOutput(output) {
  if (typeof output !== "object" || output === null) return false;
  const { data, partitionKey, route } = output;
  return (
    (data instanceof Uint8Array || isBytes(data)) &&
    (partitionKey === undefined || partitionKey === null || isText(partitionKey)) &&
    (route === undefined || route === null || isText(route))
  );
}

const isText = (value) => typeof value === "string" && value.isWellFormed();
const isByte = (value) => Number.isInteger(value) && value >= 0 && value <= 255;
const isBytes = (value) => Array.isArray(value) && value.every(isByte);

/** Why a value is no outcome, and what to return instead. */
export function explainOutcome(outcome) {
  if (outcome === undefined) return 'process returned nothing: return { tag: "keep" } or another outcome';
  if (typeof outcome === "string") return explainText(outcome);
  if (typeof outcome !== "object" || outcome === null) {
    return `process returned ${named(outcome)}: return { tag: "keep" } or another outcome`;
  }
  if (typeof outcome.then === "function") {
    return "process returned a Promise: a transform answers at once, so take `async` and `await` away";
  }
  if (Array.isArray(outcome)) {
    return 'process returned an array: to deliver outputs, return { tag: "emit", val: [{ data }] }';
  }
  if (ArrayBuffer.isView(outcome)) {
    return `process returned ${named(outcome)}: to deliver these bytes, return { tag: "emit", val: [{ data }] }`;
  }
  if (outcome.tag === undefined) return explainUntagged(outcome);
  if (typeof outcome.tag !== "string") return `process returned ${named(outcome.tag)} as tag: ${allTags()}`;
  if (!TAGS.includes(outcome.tag)) return explainTag(outcome.tag);
  return outcome.tag === "emit" ? explainOutputs(outcome.val) : explainReason(outcome);
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

function explainReason({ tag, val }) {
  if (typeof val === "string") return `the reason of ${tag} has half of a surrogate pair: use val.toWellFormed()`;
  const remedy = val instanceof Error ? "for an error, val: String(error)" : example(tag);
  return `process returned { tag: "${tag}" } with ${named(val)} as val, which has to be a text that says why: ${remedy}`;
}

function explainOutputs(outputs) {
  if (!Array.isArray(outputs)) {
    const remedy = isObject(outputs) && "data" in outputs ? "put it into an array, val: [output]" : example("emit");
    return `process returned { tag: "emit" } with ${named(outputs)} as val, which has to be an array of outputs: ${remedy}`;
  }
  const index = outputs.findIndex((output) => !isOutput(output));
  const which = outputs.length === 1 ? "the output" : `output ${index + 1} of ${outputs.length}`;
  return explainOutput(outputs[index], which);
}

const isObject = (value) => typeof value === "object" && value !== null;

function explainOutput(output, which) {
  if (!isObject(output) || ArrayBuffer.isView(output)) {
    return `${which} of process is ${named(output)}: it has to be an object with data, { data: bytes }`;
  }
  const { data, partitionKey, route } = output;
  if (!(data instanceof Uint8Array) && !isBytes(data)) return explainData(data, which);
  const [name, value] = isText(partitionKey ?? "") ? ["route", route] : ["partitionKey", partitionKey];
  if (typeof value === "string") return `${name} of ${which} has half of a surrogate pair: use ${name}.toWellFormed()`;
  return `${name} of ${which} is ${named(value)}: it has to be a text, as String(value) makes one, or undefined`;
}

function explainData(data, which) {
  if (data === undefined) return `${which} of process has no data: ${example("emit")}, with data as a Uint8Array`;
  const remedy =
    typeof data === "string"
      ? "new TextEncoder().encode(text) makes bytes of it"
      : data instanceof ArrayBuffer
        ? "new Uint8Array(buffer) makes bytes of it"
        : ArrayBuffer.isView(data)
          ? "new Uint8Array(data.buffer, data.byteOffset, data.byteLength) makes bytes of it"
          : Array.isArray(data)
            ? "its elements have to be integers from 0 to 255"
            : isObject(data)
              ? "new TextEncoder().encode(JSON.stringify(data)) makes bytes of it"
              : "it has to be a Uint8Array";
  return `data of ${which} is ${named(data)}: ${remedy}`;
}

/** What kind of value it is. */
export function named(value) {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return "a text";
    case "object": {
      if (typeof value.then === "function") return "a Promise";
      if (value instanceof Error) return "an error";
      const name = value.constructor?.name;
      if (typeof name !== "string" || name === "Object" || name === "") return "an object";
      return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
    }
    default:
      return `a ${typeof value}`;
  }
}
