// What the engine's JSON does, and TypeScript has no types of yet: values as they are written.

/** A value of JSON that JSON.stringify writes as it is. */
interface RawJSON {
  readonly rawJSON: string;
}

interface JSONSource {
  /** How a number, a text or a word is written; undefined: it is an object or an array, or its field is repeated. */
  readonly source?: string;
}

interface JSON {
  parse(text: string, reviver: (name: string, value: unknown, context: JSONSource) => unknown): any;
  rawJSON(text: string): RawJSON;
  isRawJSON(value: unknown): value is RawJSON;
}
