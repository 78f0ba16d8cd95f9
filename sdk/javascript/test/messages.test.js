// What is said to an author.

import assert from "node:assert/strict";
import test from "node:test";

import { REMEDIES, remedyFor } from "../runtime/absent.js";
import { inspect } from "../runtime/inspect.js";
import { explainOutcome, isOutcome } from "../runtime/outcome.js";
import { describeError } from "../runtime/errors.js";
import { originalPosition, withOriginalPositions } from "../runtime/stack.js";
import { positions } from "../lib/source-map.js";

const bytes = Uint8Array.of(1);

test("outcomes are outcomes", () => {
  for (const outcome of [
    { tag: "keep" },
    { tag: "drop", val: 5 },
    { tag: "emit", val: [] },
    { tag: "emit", val: [{ data: bytes }, { data: [0, 255], partitionKey: "k", route: null, more: 1 }] },
    { tag: "retry", val: "" },
    { tag: "reject", val: "why" },
  ]) {
    assert.equal(isOutcome(outcome), true, JSON.stringify(outcome));
  }
});

/** What is returned, and what has to be said about it. */
const WRONG = [
  [undefined, "returned nothing"],
  [null, "returned null: return"],
  [true, "returned a boolean"],
  [7, "returned a number"],
  ["drop", 'returned the text "drop": return { tag: "drop" }'],
  [" Reject", 'returned the text "reject": return { tag: "reject", val: "why" }'],
  ["secret", "returned a text: to deliver it"],
  [Promise.resolve(), "returned a Promise: a transform answers at once"],
  [[{ data: bytes }], "returned an array: to deliver outputs"],
  [bytes, "returned a Uint8Array: to deliver these bytes"],
  [{}, "an object without a tag"],
  [{ data: bytes }, "returned an output: return"],
  [{ drop: true }, 'with the field drop and no tag: return { tag: "drop" }'],
  [{ tag: 5 }, "returned a number as tag: the tags are keep"],
  [{ tag: "dropp" }, 'returned the tag "dropp": the tags are keep, drop, emit, retry, reject'],
  [{ tag: "Drop" }, 'the tag "Drop": write it "drop"'],
  [{ tag: "jo@example.com" }, "a tag that is no word: the tags are"],
  [{ tag: "emit" }, "with undefined as val, which has to be an array"],
  [{ tag: "emit", val: { data: bytes } }, "put it into an array, val: [output]"],
  [{ tag: "emit", val: [bytes] }, "the output of process is a Uint8Array: it has to be an object with data"],
  [{ tag: "emit", val: [null] }, "the output of process is null"],
  [{ tag: "emit", val: [{ data: bytes }, {}] }, "output 2 of 2 of process has no data"],
  [{ tag: "emit", val: [{ data: "secret" }] }, "data of the output is a text: new TextEncoder().encode(text)"],
  [{ tag: "emit", val: [{ data: { secret: 1 } }] }, "data of the output is an object: new TextEncoder().encode(JSON"],
  [{ tag: "emit", val: [{ data: new ArrayBuffer(1) }] }, "is an ArrayBuffer: new Uint8Array(buffer)"],
  [{ tag: "emit", val: [{ data: new DataView(new ArrayBuffer(1)) }] }, "is a DataView: new Uint8Array(data.buffer"],
  [{ tag: "emit", val: [{ data: [256] }] }, "is an array: its elements have to be integers from 0 to 255"],
  [{ tag: "emit", val: [{ data: null }] }, "is null: it has to be a Uint8Array"],
  [{ tag: "emit", val: [{ data: bytes, partitionKey: 5 }] }, "partitionKey of the output is a number: it has to be a text"],
  [{ tag: "emit", val: [{ data: bytes, partitionKey: "\ud800" }] }, "half of a surrogate pair: use partitionKey.toWellFormed()"],
  [{ tag: "emit", val: [{ data: bytes, route: {} }] }, "route of the output is an object"],
  [{ tag: "retry" }, 'returned { tag: "retry" } with undefined as val'],
  [{ tag: "reject", val: new Error("secret") }, "with an error as val, which has to be a text that says why: for an error"],
  [{ tag: "reject", val: "\udc00" }, "the reason of reject has half of a surrogate pair"],
];

test("what is no outcome is explained, without what may be payload", () => {
  for (const [outcome, expected] of WRONG) {
    assert.equal(isOutcome(outcome), false, expected);
    const text = explainOutcome(outcome);
    assert.ok(text.includes(expected), `${text}\ndoes not say\n${expected}`);
    assert.ok(!/secret|jo@/.test(text), text);
  }
});

test("values are readable, whatever they are", () => {
  const circle = { a: [1] };
  circle.self = circle;
  const trap = () => {
    throw new Error("no");
  };
  const hostile = new Proxy({}, { ownKeys: trap, getPrototypeOf: trap });
  const deep = { a: { b: { c: { d: { e: { f: 1 } } } } } };
  for (const [value, expected] of [
    [circle, "{ a: [1], self: [circular] }"],
    [new Map([["k", new Set([1n])]]), 'Map(1) { "k" => Set(1) { 1n } }'],
    [Uint8Array.of(1, 2), "Uint8Array(2) [1, 2]"],
    [{ "odd key": -0, [Symbol("s")]: undefined, f() {} }, '{ "odd key": -0, f: [function f], [Symbol(s)]: undefined }'],
    [{ get secret() { return trap(); } }, "{ secret: [getter] }"],
    [[, 'say "no"', null, new Date(0)], "[empty, 'say \"no\"', null, 1970-01-01T00:00:00.000Z]"],
    [new (class Point { x = 1; })(), "Point { x: 1 }"],
    [hostile, "[not to be shown]"],
    [deep, "{ a: { b: { c: { d: { e: [object] } } } } }"],
    [Array.from({ length: 101 }, () => 1), `[${"1, ".repeat(100)}… 1 more]`],
    [new Date(NaN), "Invalid Date"],
  ]) {
    assert.equal(inspect(value), expected);
  }
  assert.ok(inspect("x".repeat(1_000_000)).length < 11_000);
});

test("a remedy belongs to a name that is missing, and to no other error", () => {
  for (const name of REMEDIES.keys()) assert.ok(remedyFor(`${name} is not defined`), name);
  assert.equal(remedyFor("colour is not defined"), undefined);
  assert.equal(remedyFor("setTimeout is odd"), undefined);
  assert.match(remedyFor('Dynamic require of "x" is not supported'), /while it runs/);
});

test("positions of the bundle are those of the author", () => {
  // The second line has parts of two files; the SDK's own is left out.
  const map = { sources: ["src/my%20file.ts", "sdk/runtime/serve.js"], mappings: ";AAEA,IAAI,KCFJ;ADIA" };
  const known = positions(map, "/project/bundle.js", "/project", "/project/sdk");
  assert.deepEqual(known, { lines: ["", "0,0,3", "0,0,5"], files: ["src/my file.ts"] });
  globalThis[Symbol.for("kinesieve.bundle")] = { ...known, full: false };
  assert.deepEqual(originalPosition(2, 3), { file: "src/my file.ts", line: 3 });
  assert.equal(originalPosition(1, 1), undefined);
  const error = new TypeError("odd");
  error.stack =
    "    at f (componentize-qjs:user.js:3:2)\n    at map (native)\n    at process (componentize-qjs:user.js:1:5)\n" +
    "    at forEach (native)\n";
  assert.equal(describeError(error), "TypeError: odd\n    at f (src/my file.ts:5)");
  assert.equal(withOriginalPositions("at (componentize-qjs:user.js:2:1)"), "at (src/my file.ts:3)");
  delete globalThis[Symbol.for("kinesieve.bundle")];
});
