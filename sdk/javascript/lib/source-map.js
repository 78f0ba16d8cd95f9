// What the component has to know to name the author's files and lines: a short form of the bundler's source map, which is
// looked up without being decoded first.

import { basename, dirname, relative, resolve, sep } from "node:path";

/** What the bundler calls the code that it is begun with. */
export const ENTRY = "<kinesieve>";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

/**
 * For each line of the bundle its parts, each as column, index of the file and line, where these change; and the files. What
 * the SDK brings along is left out.
 */
export function positions(map, bundle, folder, sdk) {
  const paths = map.sources.map((source) => resolve(dirname(bundle), decodeURIComponent(source)));
  const isOwn = paths.map((path) => path.startsWith(sdk + sep) || basename(path) === ENTRY);
  const files = [];
  const places = paths.map((path, source) => {
    if (isOwn[source]) return undefined;
    return files.push(relative(folder, path).split(sep).join("/")) - 1;
  });
  const lines = decoded(map.mappings).map((segments) => {
    let last;
    const parts = [];
    for (const [column, source, line] of segments) {
      if (source === undefined || isOwn[source] || (last?.source === source && last.line === line)) continue;
      last = { source, line };
      parts.push([column, places[source], line + 1].map((number) => number.toString(36)).join(","));
    }
    return parts.join(" ");
  });
  return { lines, files };
}

/** The segments of each line, with absolute numbers: column, source, line. */
function decoded(mappings) {
  let source = 0;
  let line = 0;
  return mappings.split(";").map((text) => {
    let column = 0;
    return text
      .split(",")
      .filter(Boolean)
      .map((segment) => {
        const numbers = variableLengthNumbers(segment);
        column += numbers[0];
        if (numbers.length === 1) return [column];
        source += numbers[1];
        line += numbers[2];
        return [column, source, line];
      });
  });
}

function variableLengthNumbers(segment) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const part = VALUES.get(digit);
    value |= (part & 31) << shift;
    shift += 5;
    if ((part & 32) === 0) {
      numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}
