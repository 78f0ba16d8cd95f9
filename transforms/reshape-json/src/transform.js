// Filters JSON records, and gives those that go on another shape.

import { bytes, text } from "./text.js";

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
    let record;
    try {
      record = JSON.parse(text(event.data));
    } catch (error) {
      return { tag: "reject", val: "not JSON" };
    }
    if (!where.every(({ field, test, value }) => test(at(record, field), value))) return { tag: "drop" };
    if (shape === null && key === null) return { tag: "keep" };
    const data = shape === null ? event.data : bytes(JSON.stringify(filled(shape, record)));
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

/** The shape with the record's values in it: a text that starts with $ stands for the value at that path. */
function filled(shape, record) {
  if (typeof shape === "string") return shape.startsWith("$") ? at(record, path(shape.slice(1))) : shape;
  if (Array.isArray(shape)) return shape.map((element) => filled(element, record));
  if (shape === null || typeof shape !== "object") return shape;
  return Object.fromEntries(Object.entries(shape).map(([name, value]) => [name, filled(value, record)]));
}
