/** The text that bytes of ASCII are. */
export function text(bytes) {
  return String.fromCharCode(...bytes);
}
