// Values as a person reads them, on one line: for console and for messages.

/** How deep objects are shown. */
const DEPTH = 4;

/** How many elements or fields of one object are shown. */
const ENTRIES = 100;

/** How many characters are shown in all. */
const LENGTH = 10_000;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * A value on one line. `describeError` shows an error, which may take several.
 *
 * Getters are not called, and what throws while it is looked at is shown as such: to show a value never fails.
 */
export function inspect(value, { describeError = String, depth = DEPTH } = {}) {
  const page = { left: LENGTH, above: [], describeError, depth };
  const text = shown(value, page);
  return text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text;
}

function shown(value, page) {
  if (page.left <= 0) return "…";
  const text = attempt(() => shownValue(value, page), "[not to be shown]");
  page.left -= text.length;
  return text;
}

/** What a function answers, or the other value where it throws: a Proxy may do that at any question. */
function attempt(ask, otherwise) {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

function shownValue(value, page) {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
    case "function":
      return shownFunction(value);
    case "object":
      return value === null ? "null" : shownObject(value, page);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

/** A text in quotes, JSON's own unless others save escapes. */
function quoted(text) {
  const part = text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text;
  const json = JSON.stringify(part);
  return part.includes('"') && !part.includes("'") ? `'${json.slice(1, -1).replaceAll('\\"', '"')}'` : json;
}

function shownFunction(value) {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
  return value.name ? `[${kind} ${value.name}]` : `[${kind}]`;
}

function shownObject(value, page) {
  if (page.above.includes(value)) return "[circular]";
  if (value instanceof Error) return page.describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (JSON.isRawJSON?.(value)) return value.rawJSON;
  const name = className(value);
  if (page.above.length > page.depth) return Array.isArray(value) ? "[array]" : `[${name ?? "object"}]`;
  page.above.push(value);
  try {
    return withEntries(value, name, page);
  } finally {
    page.above.pop();
  }
}

/** The name of an object's class; undefined for plain ones. */
function className(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype || prototype === Array.prototype) return undefined;
  const name = attempt(() => value.constructor?.name, undefined);
  return typeof name === "string" && name !== "" && name !== "Object" ? name : undefined;
}

function withEntries(value, name, page) {
  if (Array.isArray(value)) {
    const elements = few(value.length, (index) => (index in value ? shown(value[index], page) : "empty"));
    return `${prefix(name)}${enclosed("[", elements, "]")}`;
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const elements = few(value.length, (index) => shown(value[index], page));
    return `${name ?? "TypedArray"}(${value.length}) ${enclosed("[", elements, "]")}`;
  }
  if (value instanceof ArrayBuffer || value instanceof DataView) return `${name} { ${value.byteLength} bytes }`;
  if (value instanceof Map) {
    const pairs = [...value].slice(0, ENTRIES).map(([key, held]) => `${shown(key, page)} => ${shown(held, page)}`);
    return `${name ?? "Map"}(${value.size}) ${enclosed("{", rest(pairs, value.size), "}")}`;
  }
  if (value instanceof Set) {
    const elements = [...value].slice(0, ENTRIES).map((held) => shown(held, page));
    return `${name ?? "Set"}(${value.size}) ${enclosed("{", rest(elements, value.size), "}")}`;
  }
  if (value instanceof Promise) return "Promise {}";
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return `[${name} ${shown(value.valueOf(), page)}]`;
  }
  if (name === "URL" || name === "URLSearchParams") return `${name} ${quoted(String(value))}`;
  return `${prefix(name)}${enclosed("{", fields(value, page), "}")}`;
}

function fields(value, page) {
  const keys = Reflect.ownKeys(value).filter((key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable);
  const found = keys.slice(0, ENTRIES).map((key) => {
    const name = typeof key === "symbol" ? `[${key.toString()}]` : IDENTIFIER.test(key) ? key : quoted(key);
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    const held = "value" in descriptor ? shown(descriptor.value, page) : "[getter]";
    return `${name}: ${held}`;
  });
  return rest(found, keys.length);
}

function few(length, show) {
  return rest(Array.from({ length: Math.min(length, ENTRIES) }, (_, index) => show(index)), length);
}

function rest(parts, all) {
  return all > parts.length ? [...parts, `… ${all - parts.length} more`] : parts;
}

const prefix = (name) => (name === undefined ? "" : `${name} `);

function enclosed(open, parts, close) {
  if (parts.length === 0) return open + close;
  return open === "[" ? `[${parts.join(", ")}]` : `${open} ${parts.join(", ")} ${close}`;
}
