// Outputs that a transform makes: checked, and explained where they are not what the contract asks for.

import { isObject, named } from "./named.js";

/** Whether a value is an array of outputs. It is asked for each record, so it looks at no more than has to be looked at. */
export function areOutputs(outputs) {
  if (!Array.isArray(outputs)) return false;
  for (let index = 0; index < outputs.length; index += 1) {
    if (!isOutput(outputs[index])) return false;
  }
  return true;
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

/** Why an array that a function returned is none of outputs. `example`: what to return instead. */
export function explainOutputs(outputs, { by, example }) {
  const index = outputs.findIndex((output) => !isOutput(output));
  const which = outputs.length === 1 ? "the output" : `output ${index + 1} of ${outputs.length}`;
  return explainOutput(outputs[index], which, by, example);
}

function explainOutput(output, which, by, example) {
  if (!isObject(output) || ArrayBuffer.isView(output)) {
    return `${which} of ${by} is ${named(output)}: it has to be an object with data, { data: bytes }`;
  }
  const { data, partitionKey, route } = output;
  if (data === undefined) return `${which} of ${by} has no data: ${example}, with data as a Uint8Array`;
  if (!(data instanceof Uint8Array) && !isBytes(data)) return explainData(data, which);
  const [name, value] = isText(partitionKey ?? "") ? ["route", route] : ["partitionKey", partitionKey];
  if (typeof value === "string") return `${name} of ${which} has half of a surrogate pair: use ${name}.toWellFormed()`;
  return `${name} of ${which} is ${named(value)}: it has to be a text, as String(value) makes one, or undefined`;
}

function explainData(data, which) {
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
