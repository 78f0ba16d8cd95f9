// Drops readings below a temperature, and takes the e-mail address out of the others.

import { excludeKeys } from "filter-obj";
import type { Event, Outcome, Transform } from "kinesieve-sdk";

interface Reading {
  temperature?: RawJSON;
  email?: string;
}

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

let below = 10;

export const transform: Transform = {
  /** Called once for each instance, with the settings of the deployment. What it throws stops the start. */
  configure(settings) {
    for (const [name, value] of settings) {
      if (name !== "below") throw `unknown setting \`${name}\`: there is \`below\``;
      below = Number(value);
      if (value.trim() === "" || Number.isNaN(below)) throw `the setting \`below\` has to be a number, not \`${value}\``;
    }
  },

  /** Called once for each record, in the order of its shard. */
  process(event: Event): Outcome {
    let reading: Reading | null;
    try {
      // Decoding passes over a byte order mark, which some programs write before it.
      reading = JSON.parse(decoder.decode(event.data), asWritten);
    } catch (error) {
      return { tag: "reject", val: `not JSON: ${error}` };
    }
    if (reading === null || !JSON.isRawJSON(reading.temperature)) return { tag: "reject", val: "no temperature" };
    if (Number(reading.temperature.rawJSON) < below) return { tag: "drop" };
    const rest = excludeKeys(reading, ["email"]);
    return { tag: "emit", val: [{ data: encoder.encode(JSON.stringify(rest)) }] };
  },
};

/**
 * Has numbers go on as they are written: JavaScript's own have 53 bits, and would round them. All else is written anew:
 * without space, and of a repeated field the last one, for whose number the engine has no source.
 */
function asWritten(name: string, value: unknown, { source }: JSONSource): unknown {
  return typeof value === "number" ? JSON.rawJSON(source ?? String(value)) : value;
}
