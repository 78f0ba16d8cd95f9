// What other hosts of JavaScript have as globals, as far as a transform can use it. It is set while the component is built,
// so that it costs no time at a start; what depends on the start is begun by `start`.

import { structuredClone } from "./clone.js";
import { console } from "./console.js";
import { TextDecoder, TextEncoder } from "./encoding.js";
import { queueMicrotask } from "./microtasks.js";
import { crypto, random, seed } from "./random.js";
import { clock, startClock } from "./time.js";
import { urls } from "kinesieve-sdk:url";

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });

for (const [name, value] of Object.entries({
  TextDecoder, TextEncoder, console, crypto, performance: clock, queueMicrotask, structuredClone,
})) {
  define(name, value);
}

for (const [name, load] of Object.entries(urls)) {
  Object.defineProperty(globalThis, name, {
    get() {
      const value = load();
      define(name, value);
      return value;
    },
    set: (value) => define(name, value),
    enumerable: false,
    configurable: true,
  });
}

Object.defineProperty(Math, "random", { value: random, writable: true, enumerable: false, configurable: true });

/** Begins what is of each instance. */
export function start() {
  seed();
  startClock();
}
