// Drops readings below a temperature, and takes the e-mail address out of the others.

import { bytes, text } from "./text.js";

let below = 10;

export const transform = {
  /** Called once for each instance, with the settings of the deployment. What it throws stops the start. */
  configure(settings) {
    for (const [name, value] of settings) {
      if (name !== "below") throw `unknown setting \`${name}\`: there is \`below\``;
      below = Number(value);
      if (value.trim() === "" || Number.isNaN(below)) throw `the setting \`below\` has to be a number, not \`${value}\``;
    }
  },

  /** Called once for each record, in the order of its shard. */
  process(event) {
    let reading;
    try {
      // Some programs write a byte order mark before it.
      reading = JSON.parse(text(event.data).replace(/^\ufeff/, ""), asWritten);
    } catch (error) {
      return { tag: "reject", val: `not JSON: ${error.message}` };
    }
    const temperature = reading?.temperature;
    if (!JSON.isRawJSON(temperature)) return { tag: "reject", val: "no temperature" };
    if (Number(temperature.rawJSON) < below) return { tag: "drop" };
    delete reading.email;
    return { tag: "emit", val: [{ data: bytes(JSON.stringify(reading)) }] };
  },
};

/**
 * Has numbers go on as they are written: JavaScript's own have 53 bits, and would round them. All else is written anew:
 * without space, and of a repeated field the last one, for whose number the engine has no source.
 */
function asWritten(name, value, { source }) {
  return typeof value === "number" ? JSON.rawJSON(source ?? String(value)) : value;
}
