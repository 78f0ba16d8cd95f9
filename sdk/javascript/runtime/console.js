// `console`, which writes to the processor's log.

import { log } from "kinesieve:transform/host@0.1.0";

import { describeError, stackHere } from "./errors.js";
import { inspect } from "./inspect.js";
import { withOriginalPositions } from "./stack.js";

const counts = new Map();
const times = new Map();
let indent = "";

/** A line of the log for each line of the text. */
function write(level, text) {
  for (const line of withOriginalPositions(text).trimEnd().split("\n")) log(level, (indent + line).toWellFormed());
}

const show = (value) => inspect(value, { describeError });

/** A value between others: texts as they are. */
const plain = (value) => (typeof value === "string" ? value : show(value));

/** The values as one text. A first text may have places for others: %s, %d, %i, %f, %j, %o, %O and %c. */
export function format(values) {
  const [first, ...others] = values;
  if (typeof first !== "string") return values.map(plain).join(" ");
  const filled = first.replace(/%[sdifjoOc%]/g, (place) => {
    if (place === "%%") return others.length === 0 && values.length === 1 ? place : "%";
    return others.length === 0 ? place : inPlace(place, others.shift());
  });
  return [filled, ...others.map(plain)].join(" ");
}

function inPlace(place, value) {
  switch (place) {
    case "%s":
      return typeof value === "object" || typeof value === "function" ? show(value) : String(value);
    case "%d":
    case "%f":
      return typeof value === "bigint" ? `${value}n` : String(typeof value === "symbol" ? NaN : Number(value));
    case "%i":
      return typeof value === "bigint" ? `${value}n` : String(parseInt(typeof value === "symbol" ? NaN : value, 10));
    case "%c":
      return "";
    case "%j":
      return json(value);
    default:
      return show(value);
  }
}

function json(value) {
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch {
    return show(value);
  }
}

const writer = (level) => (...values) => write(level, format(values));
const info = writer("info");
const warn = writer("warn");

function group(...values) {
  if (values.length > 0) info(...values);
  indent += "  ";
}

function elapsed(label) {
  const start = times.get(String(label));
  if (start === undefined) {
    warn(`console.time has not begun ${label}`);
    return undefined;
  }
  return `${label}: ${(performance.now() - start).toFixed(3)} ms`;
}

export const console = {
  assert(condition, ...values) {
    if (!condition) write("error", values.length === 0 ? "assertion failed" : `assertion failed: ${format(values)}`);
  },
  clear() {},
  count(label = "default") {
    const count = (counts.get(String(label)) ?? 0) + 1;
    counts.set(String(label), count);
    info(`${label}: ${count}`);
  },
  countReset(label = "default") {
    counts.delete(String(label));
  },
  debug: writer("debug"),
  dir: (value) => write("info", show(value)),
  dirxml: info,
  error: writer("error"),
  group,
  groupCollapsed: group,
  groupEnd() {
    indent = indent.slice(2);
  },
  info,
  log: info,
  table: (value) => write("info", show(value)),
  time(label = "default") {
    times.set(String(label), performance.now());
  },
  timeEnd(label = "default") {
    const text = elapsed(label);
    times.delete(String(label));
    if (text !== undefined) info(text);
  },
  timeLog(label = "default", ...values) {
    const text = elapsed(label);
    if (text !== undefined) info(text, ...values);
  },
  trace(...values) {
    write("trace", ["Trace", ...(values.length > 0 ? [format(values)] : [])].join(": "));
    for (const frame of stackHere()) log("trace", frame);
  },
  warn,
};
