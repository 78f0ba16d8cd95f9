// Errors as a person reads them: name, message, where it happened, and what to do where that is known.

import { remedyFor } from "./absent.js";
import { frames, withOriginalPositions } from "./stack.js";

/** How many causes of causes are shown. */
const CAUSES = 5;

/** The name and the message of an error, with a remedy if there is one. */
export function headline(error) {
  const name = text(() => error.name) || "Error";
  const message = withOriginalPositions(text(() => error.message));
  const remedy = remedyFor(message);
  return `${message === "" ? name : `${name}: ${message}`}${remedy === undefined ? "" : `: ${remedy}`}`;
}

/** An error over several lines: its headline, its stack, and its cause. */
export function describeError(error, causes = CAUSES) {
  const lines = [headline(error), ...frames(text(() => error.stack))];
  if (error instanceof AggregateError && Array.isArray(error.errors)) {
    lines.push(...error.errors.slice(0, CAUSES).map((part) => `  of these: ${described(part, causes)}`));
  }
  const cause = attribute(() => error.cause);
  if (cause !== undefined) lines.push(`  caused by: ${described(cause, causes)}`);
  return lines.join("\n");
}

function described(value, causes) {
  if (!(value instanceof Error)) return typeof value === "string" ? value : typeof value;
  return causes > 0 ? describeError(value, causes - 1) : headline(value);
}

/** The stack of the place that calls, as lines. */
export function stackHere() {
  return frames(new Error().stack);
}

function attribute(ask) {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

function text(ask) {
  const found = attribute(ask);
  return typeof found === "string" ? found : "";
}
