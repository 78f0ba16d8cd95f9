// Filters JSON records, and gives those that go on another shape.

import { Written } from "./json.js";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Compares the field of a record with what the settings say. */
const TESTS = {
  is: (value, other) => value === other,
  "is not": (value, other) => value !== other,
  above: (value, other) => value > other,
  below: (value, other) => value < other,
  exists: (value) => value !== undefined,
};

let where = [];
let shape = null;
let key = null;

/** @type {import("kinesieve-sdk").Transform} */
export const transform = {
  configure(settings) {
    for (const [name, value] of settings) {
      switch (name) {
        case "where":
          where = conditions(parsed(name, value));
          break;
        case "shape":
          shape = parsed(name, value);
          break;
        case "key":
          key = path(value);
          break;
        default:
          throw `unknown setting \`${name}\`: there is \`where\`, \`shape\`, \`key\``;
      }
    }
  },

  process(event) {
    let json;
    let record;
    try {
      // Decoding passes over a byte order mark, which some programs write before it.
      json = decoder.decode(event.data);
      record = JSON.parse(json);
    } catch {
      return { tag: "reject", val: "not JSON" };
    }
    if (!where.every(({ field, test, value }) => test(at(record, field), value))) return { tag: "drop" };
    if (shape === null && key === null) return { tag: "keep" };
    const shaped = shape === null ? "" : filled(shape, new Written(json.trim()));
    if (shaped === undefined) return { tag: "reject", val: "the record has no value for the shape" };
    const data = shape === null ? event.data : encoder.encode(shaped);
    const found = key === null ? undefined : at(record, key);
    if (key !== null && (typeof found !== "string" || found === "")) {
      return { tag: "reject", val: `the field ${key.join(".")} holds no text for a partition key` };
    }
    return { tag: "emit", val: [{ data, partitionKey: found }] };
  },
};

function parsed(name, value) {
  try {
    return JSON.parse(value);
  } catch {
    throw `the setting \`${name}\` has to be JSON`;
  }
}

function conditions(list) {
  if (!Array.isArray(list)) throw "the setting `where` has to be a list of [field, test, value]";
  return list.map((condition) => {
    const [field, name, value] = Array.isArray(condition) ? condition : [];
    if (typeof field !== "string" || !Object.hasOwn(TESTS, name)) {
      throw `the setting \`where\` has to be a list of [field, test, value]; a test is ${Object.keys(TESTS).join(", ")}`;
    }
    return { field: path(field), test: TESTS[name], value };
  });
}

const path = (text) => text.split(".");

/** The value that lies at a path of fields. */
function at(record, path) {
  return path.reduce(
    (value, name) =>
      value !== null && typeof value === "object" && Object.hasOwn(value, name) ? value[name] : undefined,
    record,
  );
}

/**
 * The JSON of the shape with the record's values in it, as they are written there: a text that starts with $ stands for the
 * value at that path.
 */
function filled(shape, record) {
  if (typeof shape === "string" && shape.startsWith("$")) return record.at(path(shape.slice(1)))?.json;
  if (Array.isArray(shape)) return `[${shape.map((element) => filled(element, record) ?? "null").join()}]`;
  if (shape === null || typeof shape !== "object") return JSON.stringify(shape);
  const fields = Object.entries(shape)
    .map(([name, value]) => [name, filled(value, record)])
    .filter(([, json]) => json !== undefined);
  return `{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}`;
}
