// The end of an instance: its last words go to standard error, from where the processor takes them for log and dead letter.

import { exit } from "wasi:cli/exit@0.2.12";
import { getStderr } from "wasi:cli/stderr@0.2.12";

/** The most bytes of one write, by WASI. */
const CHUNK = 4096;

/** Says why, and ends the instance. It does not return. */
export function end(text) {
  const bytes = new TextEncoder().encode(`${text}\n`);
  const stream = getStderr();
  for (let start = 0; start < bytes.length; start += CHUNK) {
    stream.blockingWriteAndFlush(bytes.subarray(start, start + CHUNK));
  }
  exit({ tag: "err" });
}
