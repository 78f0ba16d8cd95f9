// The globals that a transform has besides those of the language. What is not here is not there: no timers, no network, no
// file system, no Node.js.

type BufferSource = ArrayBufferView | ArrayBufferLike;

interface Console {
  assert(condition?: unknown, ...values: unknown[]): void;
  clear(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  debug(...values: unknown[]): void;
  dir(value?: unknown, options?: unknown): void;
  dirxml(...values: unknown[]): void;
  error(...values: unknown[]): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  groupEnd(): void;
  info(...values: unknown[]): void;
  log(...values: unknown[]): void;
  table(value?: unknown): void;
  time(label?: string): void;
  timeEnd(label?: string): void;
  timeLog(label?: string, ...values: unknown[]): void;
  trace(...values: unknown[]): void;
  warn(...values: unknown[]): void;
}

/** Writes to the processor's log: `log` and `info` at the level info, the others at the level of their name. */
declare var console: Console;

interface TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, bytes: Uint8Array): { read: number; written: number };
}

declare var TextEncoder: { prototype: TextEncoder; new (): TextEncoder };

interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: BufferSource, options?: { stream?: boolean }): string;
}

/** Decodes utf-8, utf-16le, utf-16be and latin1 (which is windows-1252). */
declare var TextDecoder: {
  prototype: TextDecoder;
  new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder;
};

interface URLSearchParams {
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  entries(): IterableIterator<[string, string]>;
  forEach(callback: (value: string, name: string, parent: URLSearchParams) => void, thisArg?: unknown): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  keys(): IterableIterator<string>;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare var URLSearchParams: {
  prototype: URLSearchParams;
  new (init?: string | URLSearchParams | Record<string, string> | Iterable<[string, string]>): URLSearchParams;
};

interface URL {
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toJSON(): string;
  toString(): string;
}

declare var URL: {
  prototype: URL;
  new (url: string | URL, base?: string | URL): URL;
  canParse(url: string | URL, base?: string | URL): boolean;
  parse(url: string | URL, base?: string | URL): URL | null;
};

interface Crypto {
  /** Fills an array of integers, of 65,536 bytes at most. */
  getRandomValues<Values extends ArrayBufferView>(values: Values): Values;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}

declare var crypto: Crypto;

interface DOMException extends Error {
  readonly code: number;
}

declare var DOMException: { prototype: DOMException; new (message?: string, name?: string): DOMException };

interface Performance {
  /** The time when the instance started, in milliseconds since the Unix epoch. */
  readonly timeOrigin: number;
  /** Milliseconds since then. */
  now(): number;
}

declare var performance: Performance;

/** A copy of a value with all that is in it. */
declare function structuredClone<Value>(value: Value, options?: { transfer?: ArrayBuffer[] }): Value;

/** Has a function called at the end of the call in hand, such as of `process`. */
declare function queueMicrotask(callback: () => void): void;

/** The bytes of a base64 text, each as a character. */
declare function atob(base64: string): string;

/** The base64 text of bytes, each a character up to U+00FF. */
declare function btoa(bytes: string): string;

interface String {
  /** Whether there is no half of a surrogate pair in it, which could not be written as UTF-8. */
  isWellFormed(): boolean;
  /** The text with U+FFFD in the place of each such half. */
  toWellFormed(): string;
}

/** A value of JSON that JSON.stringify writes as it is. */
interface RawJSON {
  readonly rawJSON: string;
}

interface JSONSource {
  /** How a number, a text or a word is written; undefined: it is an object or an array, or its field is repeated. */
  readonly source?: string;
}

interface JSON {
  parse(text: string, reviver: (name: string, value: any, context: JSONSource) => unknown): any;
  rawJSON(text: string): RawJSON;
  isRawJSON(value: unknown): value is RawJSON;
}
