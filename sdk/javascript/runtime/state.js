// The state of a window between two batches: JSON. What JSON would change on its way there and back is refused: it would do
// something else after the first batch.

import { TextDecoder, TextEncoder } from "./encoding.js";
import { isObject, named } from "./named.js";

/** How deep a state may be. What is deeper is a circle, or on its way to one. */
const MOST_LEVELS = 100;

/** A name of a field that is shown: others may be texts of payloads. */
const WORD = /^[A-Za-z_]{1,30}$/;

/** Node.js 20, in which tests run it, has no JSON.rawJSON yet. */
const isRawJSON = JSON.isRawJSON ?? (() => false);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The bytes of a state that JSON holds. */
export function writtenState(state) {
  return encoder.encode(JSON.stringify(state));
}

/**
 * The state of bytes. Its objects have no prototype, so that any text can be the name of a field: "constructor", and
 * "__proto__" too.
 */
export function readState(bytes) {
  let state;
  try {
    state = JSON.parse(decoder.decode(bytes));
    if (isObject(state)) takePrototypes(state);
  } catch {
    // What the engine says may quote it.
    throw "no JSON";
  }
  if (!isObject(state)) throw `${named(state)}, and neither an object nor an array`;
  return state;
}

/** A reviver would do the same in several times the time, and a state is read again after each event that fails. */
function takePrototypes(value) {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) if (isObject(value[index])) takePrototypes(value[index]);
    return;
  }
  Object.setPrototypeOf(value, null);
  for (const name in value) {
    const field = value[name];
    if (typeof field === "object" && field !== null) takePrototypes(field);
  }
}

/** What of a state JSON does not hold, where, and what to keep instead; undefined: it holds all of it. */
export function whyNotJson(state) {
  return isHeld(state, 0) ? undefined : explained(state, "state", 0);
}

function isHeld(value, level) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || (level < MOST_LEVELS && isHeldInside(value, level + 1));
    default:
      return false;
  }
}

function isHeldInside(value, level) {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) if (!isHeld(value[index], level)) return false;
    return true;
  }
  if (!isPlain(value)) return false;
  for (const name of Object.keys(value)) {
    const field = value[name];
    // JSON leaves such a field out, and it is undefined again when it is read.
    if (field !== undefined && !isHeld(field, level)) return false;
  }
  return true;
}

function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return (prototype === null || prototype === Object.prototype) && !isRawJSON(value);
}

/** What is wrong in a value that is at this place. */
function explained(value, place, level) {
  if (!isObject(value) || (!Array.isArray(value) && !isPlain(value))) return `${place} is ${shown(value)}: ${remedy(value)}`;
  if (level === MOST_LEVELS) return `it is more than ${MOST_LEVELS} levels deep, or contains itself`;
  const names = Array.isArray(value) ? value.keys() : Object.keys(value).filter((name) => value[name] !== undefined);
  for (const name of names) {
    if (isHeld(value[name], level + 1)) continue;
    const at = typeof name === "number" ? `[${name}]` : WORD.test(name) ? `.${name}` : "[…]";
    return explained(value[name], place + at, level + 1);
  }
  return undefined;
}

const shown = (value) => (typeof value === "number" ? String(value) : isRawJSON(value) ? "a JSON.rawJSON" : named(value));

/** What to keep instead. */
function remedy(value) {
  if (typeof value === "number") return "JSON has no such number, so look at what is added up, and keep null for none";
  if (value === undefined) return "JSON has null instead";
  if (typeof value === "bigint") return "keep String(value), and make it a BigInt again where it is used";
  if (typeof value === "function" || typeof value === "symbol") return "a state is data alone";
  if (isRawJSON(value)) return "keep Number(value.rawJSON), or the text value.rawJSON";
  if (value instanceof Map) return "keep an object, as Object.fromEntries(map) makes one";
  if (value instanceof Set) return "keep an array, as Array.from(set) makes one, or an object with a field for each";
  if (value instanceof Date) return "keep the number date.getTime()";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "keep an array of numbers, or a text";
  if (typeof value.then === "function") return "nothing waits for it";
  return "keep an object without a class, as { ...value } makes one";
}
