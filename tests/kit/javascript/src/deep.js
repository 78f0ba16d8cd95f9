// A line of its own for an error.

export function deep(value) {
  // Two
  // lines.
  return value.field;
}
