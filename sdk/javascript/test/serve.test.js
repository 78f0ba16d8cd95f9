// What the component answers, whatever the author's modules do.

import assert from "node:assert/strict";
import test from "node:test";

import { Ended, said } from "./host.js";

const { serve } = await import("../runtime/serve.js");

const transform = (parts) => () => ({ transform: { process: () => ({ tag: "keep" }), ...parts } });
const throwing = (value) => () => {
  throw value;
};

/** What `configure` throws. */
function refusal(load, settings = []) {
  try {
    serve("src/transform.js", load).configure(settings);
  } catch (text) {
    return text;
  }
  return undefined;
}

test("what is no transform is refused, with what to write", () => {
  for (const [load, expected] of [
    [() => ({}), /^src\/transform.js exports no `transform`: write `export const transform = \{ configure, process \}`$/],
    [() => ({ default: {} }), /exports no `transform`.*, not by `export default`$/],
    [() => ({ transform: null }), /exports null as `transform`: it has to be an object with `process`/],
    [() => ({ transform: "x" }), /exports a text as `transform`/],
    [() => ({ transform: {} }), /has no `process`: it has to be a function that takes an event/],
    [() => ({ transform: () => {} }), /has no `process`/],
    [transform({ process: 5 }), /has a number as `process`/],
    [transform({ configure: {} }), /has an object as `configure`: it has to be a function that takes settings/],
    [throwing(new TypeError("odd")), /^src\/transform.js can't be loaded: TypeError: odd at /],
    [throwing(new Error("odd")), /can't be loaded: Error: odd at /],
    [throwing("odd"), /can't be loaded: it threw a text: odd$/],
    [throwing(undefined), /can't be loaded: it threw undefined: throw an Error/],
  ]) {
    const text = refusal(load);
    assert.equal(typeof text, "string");
    assert.match(text, expected);
    assert.ok(!text.includes("\n"), text);
  }
});

test("settings are refused by what configure throws", () => {
  const configure = (value) => transform({ configure: throwing(value) });
  said.length = 0;
  assert.equal(refusal(configure("no such setting")), "no such setting");
  assert.equal(refusal(configure("half \ud800")), "half \ufffd");
  assert.deepEqual(said, []);
  assert.equal(refusal(configure(new Error("no such setting"))), "no such setting");
  assert.match(said.join("\n"), /^error: Error: no such setting\nerror: {5}at /);
  assert.equal(refusal(configure(new (class Refused extends Error {})())), "Error");
  assert.match(refusal(configure(new ReferenceError("fetch is not defined"))), /^ReferenceError: fetch .*no network.* at /);
  for (const [value, kind] of [[5, "a number"], [undefined, "undefined"], [{ secret: 1 }, "an object"], [null, "null"]]) {
    assert.equal(refusal(configure(value)), `configure threw ${kind}: throw an Error, which says where it comes from`);
  }
  assert.match(refusal(transform({ configure: async () => {} })), /configure returned a Promise/);
});

test("a transform without configure takes no settings", () => {
  assert.equal(refusal(transform({})), undefined);
  assert.match(refusal(transform({}), [["below", "5"]]), /^unknown setting `below`: the transform takes none/);
});

/** What is said when `process` does this. */
function lastWords(process) {
  const served = serve("src/transform.js", transform({ process }));
  served.configure([]);
  said.length = 0;
  assert.throws(() => served.process({}), Ended);
  return said.join("\n");
}

test("what process throws or returns in error is said on standard error", () => {
  assert.match(lastWords(throwing(new TypeError("odd"))), /^stderr: TypeError: odd\n {4}at .*\n$/s);
  assert.match(lastWords(throwing("odd")), /^stderr: process threw a text: odd\n$/);
  assert.match(lastWords(throwing({ secret: 1 })), /^stderr: process threw an object: throw an Error/);
  assert.match(lastWords(() => "drop"), /^stderr: process returned the text "drop"/);
  assert.match(lastWords(async () => ({ tag: "keep" })), /^stderr: process returned a Promise/);
  const caused = new Error("outer", { cause: new RangeError("inner") });
  assert.match(lastWords(throwing(caused)), /Error: outer\n.* {2}caused by: RangeError: inner\n/s);
  const microtask = () => {
    queueMicrotask(throwing(new Error("later")));
    return { tag: "keep" };
  };
  assert.match(lastWords(microtask), /^stderr: Error: later\n/);
});

test("what process answers goes on as it is", () => {
  const outcome = { tag: "emit", val: [{ data: Uint8Array.of(1) }] };
  const served = serve("src/transform.js", transform({ process: () => outcome, configure() {} }));
  served.configure([["a", "b"]]);
  assert.equal(served.process({}), outcome);
});

test("console writes to the log, at its levels", () => {
  said.length = 0;
  console.log("%s is %d%%, %j %o %c", "it", "5", { a: 1 }, [1], "css", "more");
  console.info("one\ntwo");
  console.warn({ a: new Map() });
  console.error(new TypeError("odd"));
  console.debug();
  console.trace("here");
  console.assert(false, "no");
  console.assert(true, "yes");
  console.group("group");
  console.log("inside");
  console.groupEnd();
  console.count();
  console.time("t");
  console.timeEnd("t");
  console.timeEnd("t");
  console.dir([1]);
  console.log("100%", "%s");
  const text = said.map((line) => line.replace(/at .*/, "at").replace(/[\d.]+ ms/, "N ms"));
  const isFrame = (line) => /^\w+: {5}at/.test(line);
  assert.deepEqual(text.filter((line) => !isFrame(line)), [
    'info: it is 5%, {"a":1} [1]  more', "info: one", "info: two", "warn: { a: Map(0) {} }", "error: TypeError: odd", "debug: ",
    "trace: Trace: here", "error: assertion failed: no", "info: group", "info:   inside", "info: default: 1", "info: t: N ms",
    "warn: console.time has not begun t", "info: [1]", "info: 100% %s",
  ]);
  assert.ok(text.some((line) => line.startsWith("trace: ") && isFrame(line)));
});

test("random numbers are even, and others at each start", () => {
  const start = () => {
    serve("src/transform.js", transform({})).configure([]);
    return Array.from({ length: 1000 }, () => Math.random());
  };
  const [one, other] = [start(), start()];
  assert.notDeepEqual(one, other);
  assert.ok(one.every((number) => number >= 0 && number < 1));
  assert.equal(new Set(one).size, 1000);
  const mean = one.reduce((sum, number) => sum + number) / one.length;
  // Of a thousand even numbers it is within this in all but one of 10^25 cases.
  assert.ok(Math.abs(mean - 0.5) < 0.1, String(mean));
  assert.match(crypto.randomUUID(), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65_537)), { name: "QuotaExceededError" });
  assert.throws(() => crypto.getRandomValues(new Float64Array(1)), { name: "TypeMismatchError" });
  assert.ok(crypto.getRandomValues(new Uint8Array(64)).some((byte) => byte !== 0));
});
