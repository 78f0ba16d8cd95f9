// What kind of value something is, in words: for what is said to an author.

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

/** What is said of a promise. */
export const AT_ONCE = "a transform answers at once, so take `async` and `await` away";

export const isObject = (value) => typeof value === "object" && value !== null;
