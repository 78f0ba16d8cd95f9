// What other hosts of JavaScript have and a transform has not. These names stay undefined, since packages ask for them with
// `typeof`; who uses one without asking gets an error with the remedy.

const TIMERS = "a transform has no timers, since it answers at once. Do the work in `process`, or answer retry";
const NETWORK = "a transform has no network. What it needs comes with the record, in the settings or in the code";
const NODE = "a transform does not run in Node.js";
const BROWSER = "a transform does not run in a browser";

/** The remedy for each name. */
export const REMEDIES = new Map([
  ["setTimeout", TIMERS],
  ["setInterval", TIMERS],
  ["setImmediate", TIMERS],
  ["clearTimeout", TIMERS],
  ["clearInterval", TIMERS],
  ["clearImmediate", TIMERS],
  ["requestAnimationFrame", TIMERS],
  ["fetch", NETWORK],
  ["Headers", NETWORK],
  ["Request", NETWORK],
  ["Response", NETWORK],
  ["FormData", NETWORK],
  ["XMLHttpRequest", NETWORK],
  ["WebSocket", NETWORK],
  ["EventSource", NETWORK],
  ["process", `${NODE}: settings come to \`configure\`, and console writes to the log`],
  ["require", `${NODE}: use \`import\`, and the build puts the package into the component`],
  ["module", `${NODE}: use \`export\``],
  ["exports", `${NODE}: use \`export\``],
  ["Buffer", `${NODE}: use Uint8Array with TextEncoder and TextDecoder, or the package \`buffer\``],
  ["__dirname", `${NODE}, and there are no files: import JSON or code, and the build puts it into the component`],
  ["__filename", `${NODE}, and there are no files: import JSON or code, and the build puts it into the component`],
  ["window", `${BROWSER}: use globalThis`],
  ["self", `${BROWSER}: use globalThis`],
  ["document", BROWSER],
  ["navigator", BROWSER],
  ["localStorage", `${BROWSER}, and what an instance remembers is lost with it`],
  ["sessionStorage", `${BROWSER}, and what an instance remembers is lost with it`],
  ["Worker", "a transform has one thread; the processor runs several instances"],
  ["WebAssembly", "a transform is WebAssembly itself, and can't load other modules"],
  ["Intl", "the engine has no data of languages: take a package for the format that you need"],
  ["URL", "write its name in the code, so that the build puts it into the component"],
  ["URLSearchParams", "write its name in the code, so that the build puts it into the component"],
  ["Blob", "use Uint8Array"],
  ["File", "use Uint8Array"],
  ["ReadableStream", "a transform has a record's data as a whole"],
  ["AbortController", "a transform does nothing that could be aborted"],
  ["MessageChannel", "a transform has one thread; the processor runs several instances"],
]);

const UNDEFINED = /^'?([\w$]+)'? is not defined$/;
const DYNAMIC = /^Dynamic require of "(.*)" is not supported$/;

/** What to do about an error with this message; none: nothing is known. */
export function remedyFor(message) {
  const absent = UNDEFINED.exec(message)?.[1];
  if (absent !== undefined) return REMEDIES.get(absent);
  if (DYNAMIC.test(message)) return "a transform can't load modules while it runs: import what it needs by its name";
  return undefined;
}
