// Random numbers. The engine's own are those of the build: its state is a part of the component. These begin anew in each
// instance.

import { getRandomBytes } from "wasi:random/random@0.2.12";

/** The most bytes that one call of getRandomValues gives, by its standard. */
const MOST_BYTES = 65_536;

let a = 0;
let b = 0;
let c = 0;
let d = 1;

/** Takes a seed from the host. */
export function seed() {
  [a, b, c, d] = new Int32Array(getRandomBytes(16).slice().buffer);
}

/** 32 bits of Chris Doty-Humphrey's generator sfc32. */
function next() {
  const sum = (a + b + d) | 0;
  d = (d + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = ((c << 21) | (c >>> 11)) + sum | 0;
  return sum >>> 0;
}

/** A number from 0 on, below 1, of 53 bits. */
export function random() {
  return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
}

const INTEGERS = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array,
];

export const crypto = {
  getRandomValues(values) {
    if (!INTEGERS.some((kind) => values instanceof kind)) {
      throw new DOMException("getRandomValues fills an array of integers, such as Uint8Array", "TypeMismatchError");
    }
    if (values.byteLength > MOST_BYTES) {
      const message = `getRandomValues fills ${MOST_BYTES} bytes at most, not ${values.byteLength}`;
      throw new DOMException(message, "QuotaExceededError");
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    if (bytes.length > 0) bytes.set(getRandomBytes(bytes.length));
    return values;
  },

  randomUUID() {
    const bytes = getRandomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  },
};
