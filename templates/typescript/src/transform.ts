// Drops readings below a temperature, and takes the e-mail address out of the others.

import type { Event, Outcome, Transform } from "./kinesieve.js";
import { bytes, text } from "./text.js";

interface Reading {
  temperature?: unknown;
  email?: string;
}

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
      reading = JSON.parse(text(event.data));
    } catch (error) {
      return { tag: "reject", val: `not JSON: ${error}` };
    }
    if (typeof reading?.temperature !== "number") return { tag: "reject", val: "no temperature" };
    if (reading.temperature < below) return { tag: "drop" };
    delete reading.email;
    return { tag: "emit", val: [{ data: bytes(JSON.stringify(reading)) }] };
  },
};
