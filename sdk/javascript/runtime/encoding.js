// TextEncoder and TextDecoder.

import { characters, latin1, utf16, utf8 } from "./decoders.js";

const LABELS = new Map(
  Object.entries({
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "utf-16le": "utf-16le utf-16 ucs-2 csunicode iso-10646-ucs-2 unicode unicodefeff",
    "utf-16be": "utf-16be unicodefffe",
    "windows-1252":
      "windows-1252 latin1 l1 ascii us-ascii ansi_x3.4-1968 cp1252 x-cp1252 cp819 ibm819 csisolatin1 " +
      "iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100",
  }).flatMap(([encoding, labels]) => labels.split(" ").map((label) => [label, encoding])),
);

const NOTHING = new Uint8Array(0);

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  /** The bytes of an unfinished character, while the text comes in parts. */
  #pending = NOTHING;
  /** Whether a byte order mark would be the text's own. */
  #hasBegun = false;

  constructor(label = "utf-8", options = undefined) {
    const encoding = LABELS.get(String(label).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "").toLowerCase());
    if (encoding === undefined) {
      throw new RangeError(`a transform has no decoder for ${label}: there is utf-8, utf-16le, utf-16be and latin1`);
    }
    this.#encoding = encoding;
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = undefined, options = undefined) {
    let bytes = input instanceof Uint8Array ? input : bytesOf(input);
    const isPart = Boolean(options?.stream);
    if (this.#pending.length > 0) {
      const joined = new Uint8Array(this.#pending.length + bytes.length);
      joined.set(this.#pending);
      joined.set(bytes, this.#pending.length);
      bytes = joined;
      this.#pending = NOTHING;
    }
    if (isPart) {
      const whole = bytes.length - unfinished(this.#encoding, bytes);
      this.#pending = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    const hadBegun = this.#hasBegun;
    this.#hasBegun = isPart && (hadBegun || bytes.length > 0);
    let text;
    try {
      text = decoded(this.#encoding, bytes, this.#fatal);
    } catch (error) {
      this.#pending = NOTHING;
      this.#hasBegun = false;
      throw error;
    }
    const hasMark = !hadBegun && text.charCodeAt(0) === 0xfeff && this.#encoding !== "windows-1252";
    return hasMark && !this.#ignoreBOM ? text.slice(1) : text;
  }

  get [Symbol.toStringTag]() {
    return "TextDecoder";
  }
}

function decoded(encoding, bytes, isFatal) {
  switch (encoding) {
    case "utf-8":
      return utf8(bytes, isFatal);
    case "windows-1252":
      return latin1(bytes);
    default:
      return utf16(bytes, encoding === "utf-16be", isFatal);
  }
}

function bytesOf(input) {
  if (input === undefined) return NOTHING;
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer) return new Uint8Array(input);
  throw new TypeError("TextDecoder decodes an ArrayBuffer or a view of one, such as Uint8Array");
}

/** How many bytes at the end may be the beginning of a character. */
function unfinished(encoding, bytes) {
  if (encoding === "windows-1252") return 0;
  if (encoding !== "utf-8") {
    const odd = bytes.length % 2;
    const high = bytes[bytes.length - odd - (encoding === "utf-16be" ? 2 : 1)];
    return high >= 0xd8 && high < 0xdc ? odd + 2 : odd;
  }
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80 || byte >= 0xf5) return 0;
    if (byte >= 0xc2) return isPrefix(bytes.subarray(bytes.length - back)) ? back : 0;
    if (byte >= 0xc0) return 0;
  }
  return 0;
}

/** Whether bytes that begin with a leading one are a character cut short. */
function isPrefix(bytes) {
  const [lead, second] = bytes;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes.length >= length) return false;
  if (second === undefined) return true;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest;
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return encoded(String(text));
  }

  encodeInto(source, bytes) {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("encodeInto writes into a Uint8Array");
    const text = String(source);
    let read = 0;
    let written = 0;
    for (const character of text) {
      const part = encoded(character);
      if (written + part.length > bytes.length) break;
      bytes.set(part, written);
      written += part.length;
      read += character.length;
    }
    return { read, written };
  }

  get [Symbol.toStringTag]() {
    return "TextEncoder";
  }
}

function encoded(text) {
  const length = text.length;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return encodedFurther(text);
    bytes[index] = code;
  }
  return bytes;
}

/** Where not all is ASCII: the engine's own functions do the work. */
function encodedFurther(text) {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  const octets = unescape(encodeURIComponent(whole));
  return characters(octets);
}
