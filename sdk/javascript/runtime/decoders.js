// Text from bytes in each of the encodings. Where the engine has a function that does a part, it does it: a loop in
// JavaScript takes a multiple of the time.

/** How many arguments a call gets at most. */
const CHUNK = 8192;

const { fromCharCode } = String;
const NOT_ASCII = /[\x80-\xff]/;

/** Each byte as the character of its number. */
export function octets(bytes) {
  if (bytes.length <= CHUNK) return fromCharCode.apply(null, bytes);
  let text = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    text += fromCharCode.apply(null, bytes.subarray(start, start + CHUNK));
  }
  return text;
}

/** Each character as the byte of its number. */
export function characters(text) {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export function utf8(bytes, isFatal) {
  const text = octets(bytes);
  if (!NOT_ASCII.test(text)) return text;
  try {
    return decodeURIComponent(escape(text));
  } catch {
    if (isFatal) throw new TypeError("the bytes are not UTF-8");
    return utf8WithReplacements(bytes);
  }
}

/** The decoder of the WHATWG's standard: each longest part that could have become a character is one U+FFFD. */
function utf8WithReplacements(bytes) {
  let text = "";
  let code = 0;
  let needed = 0;
  let lowest = 0x80;
  let highest = 0xbf;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (needed > 0) {
      if (byte >= lowest && byte <= highest) {
        code = (code << 6) | (byte & 0x3f);
        needed -= 1;
        lowest = 0x80;
        highest = 0xbf;
        if (needed === 0) text += String.fromCodePoint(code);
        continue;
      }
      text += "\ufffd";
      needed = 0;
      lowest = 0x80;
      highest = 0xbf;
    }
    if (byte < 0x80) {
      text += fromCharCode(byte);
    } else if (byte >= 0xc2 && byte <= 0xdf) {
      needed = 1;
      code = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      needed = 2;
      code = byte & 0x0f;
      if (byte === 0xe0) lowest = 0xa0;
      if (byte === 0xed) highest = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      needed = 3;
      code = byte & 0x07;
      if (byte === 0xf0) lowest = 0x90;
      if (byte === 0xf4) highest = 0x8f;
    } else {
      text += "\ufffd";
    }
  }
  return needed > 0 ? `${text}\ufffd` : text;
}

export function utf16(bytes, isBigEndian, isFatal) {
  const units = new Uint16Array(bytes.length >> 1);
  const [first, second] = isBigEndian ? [8, 0] : [0, 8];
  for (let index = 0; index < units.length; index += 1) {
    units[index] = (bytes[2 * index] << first) | (bytes[2 * index + 1] << second);
  }
  let text = "";
  for (let start = 0; start < units.length; start += CHUNK) {
    text += fromCharCode.apply(null, units.subarray(start, start + CHUNK));
  }
  const isOdd = bytes.length % 2 === 1;
  if (isFatal && (isOdd || !text.isWellFormed())) throw new TypeError("the bytes are not UTF-16");
  // A half pair and an odd byte behind it are one fault.
  const isCut = isOdd && /[\ud800-\udbff]$/.test(text);
  return text.toWellFormed() + (isOdd && !isCut ? "\ufffd" : "");
}

/** What windows-1252 has from 0x80 to 0x9f. */
const LATIN1 =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

export function latin1(bytes) {
  return octets(bytes).replace(/[\x80-\x9f]/g, (character) => LATIN1[character.charCodeAt(0) - 0x80]);
}
