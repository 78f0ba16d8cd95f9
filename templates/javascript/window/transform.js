// Counts the readings of each device in a window, and finds the highest temperature of each.

/** So many devices have room in the state, which Lambda carries from batch to batch: 700,000 bytes at most. */
const MOST_DEVICES = 5000;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

let below = 10;

/**
 * What is known of a device so far.
 *
 * @typedef {object} Summary
 * @property {number} count
 * @property {number} highest
 */

/** @type {import("kinesieve-sdk").Fold<Record<string, Summary>>} */
export const fold = {
  /** The name of the state's form: another one, when what was saved before can't be read any more. */
  form: "{{name}}/1",

  /** Called once for each instance, with the settings of the deployment. What it throws stops the start. */
  configure(settings) {
    for (const [name, value] of settings) {
      if (name !== "below") throw `unknown setting \`${name}\`: there is \`below\``;
      below = Number(value);
      if (value.trim() === "" || Number.isNaN(below)) throw `the setting \`below\` has to be a number, not \`${value}\``;
    }
  },

  /** The state that a window begins with. It is saved as JSON when a batch ends, so it is best a sum of what came. */
  begin() {
    return {};
  },

  /** Called once for each record, in the order of its shard. A record that is rejected leaves no trace in the state. */
  accumulate(state, event) {
    let reading;
    try {
      reading = JSON.parse(decoder.decode(event.data));
    } catch (error) {
      return { tag: "reject", val: `not JSON: ${error}` };
    }
    const { device, temperature } = reading ?? {};
    if (typeof device !== "string" || !device.isWellFormed()) return { tag: "reject", val: "no device" };
    // A number that is too large for JavaScript is Infinity, which JSON does not hold.
    if (!Number.isFinite(temperature)) return { tag: "reject", val: "no temperature" };
    if (temperature < below) return;
    if (!(device in state) && Object.keys(state).length >= MOST_DEVICES) {
      return { tag: "reject", val: "the state has no room for another device" };
    }
    const summary = (state[device] ??= { count: 0, highest: temperature });
    summary.count += 1;
    summary.highest = Math.max(summary.highest, temperature);
  },

  /** Called when the window is over: what is delivered of it. Its times are in milliseconds since 1970. */
  finish(state, { start, end }) {
    return Object.entries(state).map(([device, summary]) => ({
      data: encoder.encode(JSON.stringify({ start, end, device, ...summary })),
      // Absent, it is the shard's id. A key has 256 characters at most.
      partitionKey: device === "" ? undefined : Array.from(device).slice(0, 256).join(""),
    }));
  },
};
