// Text and bytes: the engine inside the component has no TextDecoder and no TextEncoder.

/** The text that bytes are. What is not UTF-8 throws. */
export function text(bytes) {
  // Every byte as an escape, so that the standard library does the decoding and the checking.
  let escaped = "";
  for (const byte of bytes) {
    escaped += byte < 0x80 && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return decodeURIComponent(escaped);
}

/** The bytes of a text in UTF-8. */
export function bytes(text) {
  const escaped = encodeURIComponent(text);
  const bytes = [];
  for (let index = 0; index < escaped.length; index += 1) {
    if (escaped[index] === "%") {
      bytes.push(parseInt(escaped.slice(index + 1, index + 3), 16));
      index += 2;
    } else {
      bytes.push(escaped.charCodeAt(index));
    }
  }
  return new Uint8Array(bytes);
}
