// `structuredClone`, for the values of the language.

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function structuredClone(value, options = undefined) {
  const transferred = new Set();
  for (const buffer of options?.transfer ?? []) {
    if (typeof buffer !== "object" || buffer === null) throw new TypeError("only an ArrayBuffer can be transferred");
    if (!(buffer instanceof ArrayBuffer)) throw refusal("only an ArrayBuffer can be transferred");
    if (transferred.has(buffer)) throw refusal("an ArrayBuffer is transferred twice");
    if (buffer.detached) throw refusal("an ArrayBuffer that was transferred before can't be transferred");
    transferred.add(buffer);
  }
  const copy = cloned(value, new Map());
  // Last, so that nothing is taken away where something can't be cloned.
  for (const buffer of transferred) buffer.transfer();
  return copy;
}

function refusal(message) {
  return new DOMException(message, "DataCloneError");
}

function cloned(value, copies) {
  if (typeof value === "function") throw refusal(`a function can't be cloned: ${value.name || "it has no name"}`);
  if (typeof value === "symbol") throw refusal(`${value.toString()} can't be cloned`);
  if (typeof value !== "object" || value === null) return value;
  const copy = copies.get(value);
  return copy ?? clonedObject(value, copies);
}

function clonedObject(value, copies) {
  const again = (inner) => cloned(inner, copies);
  const remember = (copy) => {
    copies.set(value, copy);
    return copy;
  };
  if (Array.isArray(value)) return withFields(value, remember(new Array(value.length)), again);
  if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
    return remember(Object(value.valueOf()));
  }
  if (value instanceof Date) return remember(new Date(value.getTime()));
  if (value instanceof RegExp) return remember(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return remember(clonedBuffer(value));
  if (ArrayBuffer.isView(value)) return remember(clonedView(value, again));
  if (value instanceof Map) {
    const copy = remember(new Map());
    for (const [key, held] of [...value]) copy.set(again(key), again(held));
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(new Set());
    for (const held of [...value]) copy.add(again(held));
    return copy;
  }
  if (value instanceof Error) return clonedError(value, remember, again);
  for (const kind of [Promise, WeakMap, WeakSet, WeakRef, Symbol]) {
    if (value instanceof kind) throw refusal(`a ${kind.name} can't be cloned`);
  }
  return withFields(value, remember({}), again);
}

function withFields(value, copy, again) {
  for (const key of Object.keys(value)) {
    const held = again(value[key]);
    // Never a setter: `__proto__` is a name like others.
    Object.defineProperty(copy, key, { value: held, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

function clonedBuffer(buffer) {
  if (buffer.detached) throw refusal("an ArrayBuffer that was transferred can't be cloned");
  if (!buffer.resizable) return buffer.slice(0);
  const copy = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength });
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

function clonedView(view, again) {
  const { byteOffset, byteLength, constructor, length } = view;
  const buffer = again(view.buffer);
  return view instanceof DataView ? new DataView(buffer, byteOffset, byteLength) : new constructor(buffer, byteOffset, length);
}

function clonedError(error, remember, again) {
  const kind = Object.hasOwn(ERRORS, error.name) ? ERRORS[error.name] : Error;
  const copy = remember(new kind());
  for (const name of ["message", "stack", "cause"]) {
    const descriptor = Object.getOwnPropertyDescriptor(error, name);
    if (descriptor === undefined || !("value" in descriptor)) continue;
    const value = name === "cause" ? again(descriptor.value) : String(descriptor.value);
    Object.defineProperty(copy, name, { value, writable: true, enumerable: false, configurable: true });
  }
  return copy;
}
