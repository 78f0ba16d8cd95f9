// Does what the record says: see tests/kit/javascript.rs.

import { includeKeys } from "filter-obj";
import isNumber from "is-number";
import { currentShard, log } from "kinesieve-sdk";

import { answers } from "./cases.js";
import { deep } from "./deep.js";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

const loadedAt = Date.now();
const loadedWith = Math.random();
const loadedUuid = crypto.randomUUID();

const emit = (value) => ({ tag: "emit", val: [{ data: encoder.encode(JSON.stringify(value)) }] });

/** What `process` returns in error, by name. */
const WRONG = {
  nothing: () => undefined,
  text: () => "drop",
  promise: async () => ({ tag: "keep" }),
  tag: () => ({ tag: "dropp" }),
  untagged: () => ({ data: encoder.encode("x") }),
  outputs: () => ({ tag: "emit", val: { data: encoder.encode("x") } }),
  textData: () => ({ tag: "emit", val: [{ data: "x" }] }),
  noData: () => ({ tag: "emit", val: [{}] }),
  key: () => ({ tag: "emit", val: [{ data: encoder.encode("x"), partitionKey: 5 }] }),
  reason: () => ({ tag: "reject", val: new Error("x") }),
};

/** Ways to throw, by name. */
const THROWN = {
  deep: () => deep(null),
  callback: () => [1].map(() => deep(null)),
  package: () => includeKeys({ a: 1 }, () => deep(null)),
  cause() {
    try {
      deep(null);
    } catch (cause) {
      throw new Error("outer", { cause });
    }
  },
  text() {
    throw "as it is";
  },
};

export const transform = {
  configure(settings) {
    if (settings.length > 0) deep(null);
  },

  process(event) {
    const [verb, argument] = decoder.decode(event.data).split(" ");
    switch (verb) {
      case "answers":
        return emit(answers(globalThis));
      case "state":
        return emit({
          loadedAt, loadedWith, loadedUuid, now: Date.now(), random: Math.random(), elapsed: performance.now(),
          origin: performance.timeOrigin, uuid: crypto.randomUUID(), filled: [...crypto.getRandomValues(new Uint8Array(16))],
        });
      case "console": {
        const circle = { text: "é", list: [1, new Map([["k", new Set([2n])]])] };
        circle.self = circle;
        console.debug("debug", 1);
        console.trace("trace");
        console.log("log", circle);
        console.info("%s has %d", "info", 2, [3]);
        console.warn("warn\nin two lines");
        console.error(new TypeError("error"));
        log("error", `by hand ${currentShard().shardId !== ""}`);
        return { tag: "keep" };
      }
      case "packages":
        return emit([includeKeys({ a: 1, b: 2 }, ["b"]), isNumber("5"), isNumber("five")]);
      case "absent":
        return new Function(`return ${argument}`)();
      case "kinds":
        return emit(argument.split(",").map((name) => new Function(`return typeof ${name}`)()));
      case "microtask": {
        const outcome = { tag: "reject", val: "not yet" };
        queueMicrotask(() => queueMicrotask(() => (outcome.val = "done")));
        return outcome;
      }
      case "throw":
        return THROWN[argument]();
      case "stack":
        return { tag: "reject", val: new Error("shown").stack };
      case "wrong":
        return WRONG[argument]();
      case "halves":
        return { tag: "keep", val: log("info", "\ud800".toWellFormed()) };
      default:
        return { tag: "keep" };
    }
  },
};
