// What the component has from its host, for tests in Node.js: `said` holds what was logged, and `ended` how it ended.

import { randomBytes } from "node:crypto";
import { register } from "node:module";

export const said = [];

globalThis.InternalError ??= class InternalError extends Error {};
globalThis.testHost = {
  log: (level, message) => said.push(`${level}: ${message}`),
  getRandomBytes: (count) => new Uint8Array(randomBytes(count)),
  getStderr: () => ({ blockingWriteAndFlush: (bytes) => said.push(`stderr: ${Buffer.from(bytes)}`) }),
  exit: () => {
    throw new Ended();
  },
};

/** How an instance ends. */
export class Ended extends Error {}

const MODULES = {
  "kinesieve:transform/host@0.1.0": ["log"],
  "wasi:random/random@0.2.12": ["getRandomBytes"],
  "wasi:cli/stderr@0.2.12": ["getStderr"],
  "wasi:cli/exit@0.2.12": ["exit"],
};

const hooks = `
  const modules = ${JSON.stringify(MODULES)};
  export function resolve(name, context, next) {
    if (name === "kinesieve-sdk:url") return next(${JSON.stringify(new URL("../runtime/no-url.js", import.meta.url).href)}, context);
    return Object.hasOwn(modules, name) ? { url: name, shortCircuit: true } : next(name, context);
  }
  export function load(url, context, next) {
    if (!Object.hasOwn(modules, url)) return next(url, context);
    const source = modules[url].map((name) => \`export const \${name} = testHost.\${name};\`).join("\\n");
    return { format: "module", source, shortCircuit: true };
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
