// Where an error comes from, in the author's files: positions in the bundle are looked up when an error is shown.

/** What the engine calls the bundle. */
export const BUNDLE = "componentize-qjs:user.js";

/** Where the build leaves what it knows about the bundle. */
const KNOWN = Symbol.for("kinesieve.bundle");

/** A position in the bundle: its line and its column, both from 1. */
const POSITION = /\(?componentize-qjs:user\.js:(\d+)(?::(\d+))?\)?/;

/** A frame of a stack, as the engine writes it. */
const FRAME = /^ {4}at (.*?) ?\(?(componentize-qjs:[\w.]+|native)(?::(\d+))?(?::(\d+))?\)?$/;

/**
 * What the build knows: for each line of the bundle, where its parts come from, each as column, index of the file, and line;
 * the files; and whether frames of the SDK and the engine are to be shown.
 */
const known = () => globalThis[KNOWN] ?? { lines: [], files: [], full: true };

/** The author's file and line of a position in the bundle; none: it is a part of what surrounds the author's code. */
export function originalPosition(line, column) {
  const { lines, files } = known();
  let found;
  for (const part of (lines[line - 1] ?? "").split(" ").filter(Boolean)) {
    const [start, file, original] = part.split(",").map((number) => parseInt(number, 36));
    if (found !== undefined && start > column - 1) break;
    found = { file: files[file], line: original };
  }
  return found;
}

/** The frames of a stack, with the author's files; those of what surrounds the author's code are left out. */
export function frames(stack) {
  const { full, files } = known();
  const found = [];
  for (const line of String(stack).split("\n")) {
    // Other engines begin a stack with the message.
    if (!/^\s*at /.test(line)) continue;
    const match = FRAME.exec(line);
    if (match === null) {
      found.push(line.trimEnd());
      continue;
    }
    const [, name, place, atLine, atColumn] = match;
    if (place === "native") {
      found.push(`    at ${name} (native)`);
      continue;
    }
    const origin = place === BUNDLE ? originalPosition(Number(atLine), Number(atColumn ?? 1)) : undefined;
    if (origin === undefined) {
      if (full) found.push(line);
      continue;
    }
    const at = `${origin.file}:${origin.line}`;
    // The bundle has a function for each module, which has the name of the file.
    const isModule = files.some((file) => name === file) || name === "" || name === "<anonymous>" || name === "<eval>";
    found.push(isModule ? `    at ${at}` : `    at ${name} (${at})`);
  }
  // What the engine itself calls from outside says nothing.
  while (!full && found.length > 0 && found[found.length - 1].endsWith("(native)")) found.pop();
  return found;
}

/** A text in which positions in the bundle are those in the author's files. */
export function withOriginalPositions(text) {
  if (!text.includes(BUNDLE)) return text;
  const lines = text.split("\n").flatMap((line) => (FRAME.test(line) ? frames(line) : [line]));
  const everywhere = new RegExp(POSITION, "g");
  return lines
    .join("\n")
    .replace(everywhere, (all, line, column) => {
      const origin = originalPosition(Number(line), Number(column ?? 1));
      return origin === undefined ? all : `(${origin.file}:${origin.line})`;
    });
}
