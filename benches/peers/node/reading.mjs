// The work that all peers do on a record.

import { writeFileSync } from "node:fs";

const THRESHOLD = 10;

/** What is to be delivered of a record's data; undefined: nothing. */
export function rewrite(data) {
  const reading = JSON.parse(Buffer.from(data, "base64").toString("utf8"));
  if (reading.temperature < THRESHOLD) return undefined;
  delete reading.operator;
  return JSON.stringify(reading);
}

/** Only to compare what comes out. */
export function show(outputs) {
  if (process.env.PEER_OUTPUTS) writeFileSync(process.env.PEER_OUTPUTS, outputs.map((output) => `${output}\n`).join(""));
}
