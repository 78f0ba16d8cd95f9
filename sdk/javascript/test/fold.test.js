// What the component of a transform of tumbling windows answers, whatever the author's modules do.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { kindOf } from "../lib/kind.js";
import { explainConclusion, explainFolding, isFailure } from "../runtime/folding.js";
import { readState, whyNotJson, writtenState } from "../runtime/state.js";
import { Ended, said } from "./host.js";

const { serveFold } = await import("../runtime/fold.js");
const { serve } = await import("../runtime/serve.js");

/** Counts events by their data, and is what the parts say besides. */
const COUNTS = {
  form: "counts/1",
  begin: () => ({}),
  accumulate(state, { data }) {
    state[data] = (state[data] ?? 0) + 1;
  },
  finish: (state, window) => [{ data: new TextEncoder().encode(JSON.stringify([state, window])) }],
};

const started = (parts = {}, settings = []) => {
  const served = serveFold("src/transform.js", () => ({ fold: { ...COUNTS, ...parts } }));
  served.configure(settings);
  return served;
};

const text = (bytes) => Buffer.from(bytes).toString();
const throwing = (value) => () => {
  throw value;
};

/** What `configure` throws. */
function refusal(fold, settings = []) {
  try {
    serveFold("src/transform.js", () => ({ fold })).configure(settings);
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

/** What is said when an instance ends in this. */
function lastWords(work) {
  said.length = 0;
  assert.throws(work, Ended);
  return said.join("\n");
}

test("a window goes from instance to instance", () => {
  const first = started();
  assert.equal(first.stateForm(), "counts/1");
  first.open({ start: 0, end: 60_000 }, null);
  for (const data of ["a", "b", "a"]) assert.deepEqual(first.accumulate({ data }), { tag: "folded" });
  const saved = first.save();
  assert.equal(text(saved), '{"a":2,"b":1}');
  // Another window does not begin with the state of this one.
  first.open({ start: 60_000, end: 120_000 }, null);
  assert.equal(text(first.save()), "{}");
  const second = started();
  second.open({ start: 0, end: 60_000 }, saved);
  second.accumulate({ data: "b" });
  const { tag, val } = second.finish("complete");
  assert.equal(tag, "emit");
  assert.equal(text(val[0].data), '[{"a":2,"b":2},{"start":0,"end":60000,"ending":"complete"}]');
});

test("any text is the name of a field, before the first save and after it", () => {
  const served = started();
  const names = ["constructor", "__proto__", "toString", "hasOwnProperty"];
  served.open({ start: 0, end: 1 }, null);
  for (const data of names) served.accumulate({ data });
  served.open({ start: 0, end: 1 }, served.save());
  for (const data of names) served.accumulate({ data });
  assert.equal(text(served.save()), '{"constructor":2,"__proto__":2,"toString":2,"hasOwnProperty":2}');
});

test("each window begins with what begin says, untouched by those before", () => {
  const shared = { list: [] };
  const served = started({ begin: () => shared, accumulate: (state) => void state.list.push(1) });
  served.open({ start: 0, end: 1 }, null);
  served.accumulate({});
  served.open({ start: 1, end: 2 }, null);
  served.accumulate({});
  assert.equal(text(served.save()), '{"list":[1]}');
});

test("what is no fold is refused, with what to write", () => {
  const { form, begin, accumulate, finish } = COUNTS;
  for (const [fold, expected] of [
    [null, /^src\/transform.js exports null as `fold`: it has to be an object with `form`, `begin`, `accumulate` and `finish`$/],
    [() => {}, /exports a function as `fold`/],
    [{ begin, accumulate, finish }, /^the `fold` of src\/transform.js has no `form`: name the form of the state .*"sums\/1"$/],
    [{ ...COUNTS, form: 1 }, /has a number as `form`/],
    [{ ...COUNTS, form: "" }, /has an empty text as `form`/],
    [{ form, accumulate, finish }, /has no `begin`: it has to be a function that returns the state/],
    [{ form, begin: {}, accumulate, finish }, /has an object as `begin`/],
    [{ form, begin, finish }, /has no `accumulate`: it has to be a function that takes the state and an event/],
    [{ form, begin, accumulate }, /has no `finish`: it has to be a function that takes the state and its window/],
    [{ ...COUNTS, configure: 5 }, /has a number as `configure`/],
    [{ ...COUNTS, configure: throwing("no such setting") }, /^no such setting$/],
    [{ ...COUNTS, configure: async () => {} }, /^configure returned a Promise: a transform answers at once/],
    [{ ...COUNTS, begin: () => {} }, /^begin returned nothing: it has to return an object or an array/],
    [{ ...COUNTS, begin: () => 0 }, /^begin returned a number/],
    [{ ...COUNTS, begin: async () => ({}) }, /^begin returned a Promise/],
    [{ ...COUNTS, begin: () => new Map() }, /^begin returned what can't be saved: state is a Map: keep an object/],
    [{ ...COUNTS, begin: throwing(new TypeError("odd")) }, /^TypeError: odd at /],
  ]) {
    assert.match(String(refusal(fold)), expected);
  }
  assert.match(refusal(COUNTS, [["below", "5"]]), /^unknown setting `below`: the transform takes none/);
});

test("what was meant for windows, and is none of them to the build, is named", () => {
  const said = (module) => {
    try {
      serve("src/transform.js", () => module).configure([]);
    } catch (thrown) {
      return thrown;
    }
  };
  assert.match(said({ fold: COUNTS }), /exports no `transform`: .* write `export const fold`, which the build sees$/);
  assert.match(said({ accumulate() {} }), /write `export const fold = \{ form, begin, accumulate, finish \}`$/);
  assert.match(said({ transform: COUNTS }), /has `accumulate`: a transform of tumbling windows is exported as `fold`$/);
});

test("what an event fails with goes on as it is", () => {
  for (const tag of ["retry", "reject"]) {
    const served = started({ accumulate: () => ({ tag, val: "why" }), finish: () => ({ tag, val: "why" }) });
    served.open({ start: 0, end: 1 }, null);
    assert.deepEqual(served.accumulate({}), { tag, val: "why" });
    assert.deepEqual(served.finish("early"), { tag, val: "why" });
  }
});

test("what is thrown, and what can't be answered, ends the instance with what is wrong", () => {
  const broken = (parts) => {
    const served = started(parts);
    served.open({ start: 0, end: 1 }, null);
    return served;
  };
  assert.match(lastWords(() => broken({ accumulate: throwing(new Error("odd")) }).accumulate({})), /^stderr: Error: odd\n/);
  assert.match(lastWords(() => broken({ accumulate: () => 5 }).accumulate({})), /accumulate returned a number: change the state/);
  assert.match(lastWords(() => broken({ accumulate: (state) => state }).accumulate({})), /accumulate returned the state/);
  assert.match(lastWords(() => broken({ finish: throwing("odd") }).finish("early")), /finish threw a text: odd/);
  assert.match(lastWords(() => broken({ finish: () => ({}) }).finish("early")), /finish returned an object, which has to be an array/);
  const served = broken({ accumulate: (state) => void (state.sum = NaN) });
  served.accumulate({});
  assert.match(lastWords(() => served.save()), /the state can't be saved: state.sum is NaN: JSON has no such number/);
});

/** What is returned, and what has to be said about it. */
const WRONG_FOLDINGS = [
  [null, "accumulate returned null: change the state that it is given, and return nothing"],
  [true, "accumulate returned a boolean"],
  [{ n: 1 }, "accumulate returned an object: change the state"],
  [Promise.resolve(), "accumulate returned a Promise: a transform answers at once"],
  [{ tag: "emit", val: [] }, "outputs are what `finish` returns, when the window is over"],
  [{ tag: "drop" }, 'returned the tag "drop": for an event that it folds or passes over, return nothing'],
  [{ tag: "reject" }, 'returned { tag: "reject" } with undefined as val'],
  [{ tag: "retry", val: new Error("x") }, "with an error as val, which has to be a text that says why: for an error"],
  [{ tag: "jo@example.com" }, "accumulate returned an object"],
];

const WRONG_CONCLUSIONS = [
  [undefined, "finish returned nothing: return [{ data }], or [] for none"],
  [null, "finish returned null: return [{ data }]"],
  ["secret", "finish returned a text: to deliver it, return [{ data: new TextEncoder().encode(text) }]"],
  [Uint8Array.of(1), "finish returned a Uint8Array: to deliver these bytes, return [{ data }]"],
  [Promise.resolve(), "finish returned a Promise"],
  [{ data: Uint8Array.of(1) }, "finish returned an output: return [output]"],
  [{ secret: 1 }, "finish returned an object, which has to be an array of outputs"],
  [{ tag: "emit", val: [] }, 'finish returned { tag: "emit" }: return the array of outputs itself, without a tag'],
  [{ tag: "keep" }, 'finish returned the tag "keep": return [{ data }]'],
  [{ tag: "reject", val: "\ud800" }, "the reason of reject has half of a surrogate pair"],
  [[{}], "the output of finish has no data: return [{ data }], with data as a Uint8Array"],
  [[{ data: "secret" }], "data of the output is a text: new TextEncoder().encode(text)"],
  [[{ data: [1] }, 5], "output 2 of 2 of finish is a number"],
];

test("what is wrong about an answer is explained, and nothing of a payload is shown", () => {
  for (const [explain, wrong] of [[explainFolding, WRONG_FOLDINGS], [explainConclusion, WRONG_CONCLUSIONS]]) {
    for (const [answer, expected] of wrong) {
      assert.equal(isFailure(answer), false);
      const explained = explain(answer, {});
      assert.ok(explained.includes(expected), `${explained} does not have: ${expected}`);
      assert.ok(!/secret|example\.com/.test(explained), explained);
    }
  }
});

test("a state that JSON would change is refused, with what to keep instead", () => {
  const circle = {};
  circle.self = circle;
  for (const [state, expected] of [
    [{ a: { sum: Infinity } }, "state.a.sum is Infinity: JSON has no such number"],
    [{ a: [1, undefined] }, "state.a[1] is undefined: JSON has null instead"],
    [{ a: [, 1] }, "state.a[0] is undefined"],
    [{ a() {} }, "state.a is a function: a state is data alone"],
    [{ a: Symbol("s") }, "state.a is a symbol"],
    [{ a: 10n }, "state.a is a bigint: keep String(value)"],
    [{ a: new Map() }, "state.a is a Map: keep an object, as Object.fromEntries(map)"],
    [{ a: new Set() }, "state.a is a Set: keep an array"],
    [{ a: new Date() }, "state.a is a Date: keep the number date.getTime()"],
    [{ a: Uint8Array.of(1) }, "state.a is a Uint8Array: keep an array of numbers"],
    [{ a: new (class Sum {})() }, "state.a is a Sum: keep an object without a class"],
    [{ a: Promise.resolve() }, "state.a is a Promise: nothing waits for it"],
    [{ "secret@example.com": [NaN] }, "state[…][0] is NaN"],
    [circle, "it is more than 100 levels deep, or contains itself"],
  ]) {
    const explained = whyNotJson(state);
    assert.ok(explained?.includes(expected), `${explained} does not have: ${expected}`);
    assert.ok(!explained.includes("secret"), explained);
  }
});

test("a state comes back as it was", () => {
  const state = { n: 1.5, text: "é \ud83d\ude00", yes: true, none: null, list: [[], {}], gone: undefined };
  assert.equal(whyNotJson(state), undefined);
  const back = readState(writtenState(state));
  assert.equal(JSON.stringify(back), JSON.stringify(state));
  assert.equal(Object.getPrototypeOf(back.list[1]), null);
  for (const [bytes, expected] of [["{", "no JSON"], ["secret", "no JSON"], ["5", "a number, and neither"], ["null", "null, and"]]) {
    assert.throws(() => readState(Buffer.from(bytes)), (thrown) => thrown.startsWith(expected));
  }
  assert.throws(() => readState(Uint8Array.of(0xff)), (thrown) => thrown === "no JSON");
});

test("what a file exports says what it works on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kinesieve-"));
  const kind = (code) => {
    writeFileSync(join(folder, "transform.js"), code);
    return kindOf({ path: join(folder, "transform.js"), folder, file: "transform.js" });
  };
  try {
    writeFileSync(join(folder, "other.ts"), "export const fold: object = {}; export interface transform {}");
    for (const [code, world] of [
      ["export const transform = {};", "transform"],
      ["export const fold = {};", "window"],
      ["import 'some-package'; const sums = {}; export { sums as fold };", "window"],
      ["export * from './other.ts';", "window"],
      ["// fold\nconst fold = 1;", "transform"],
      ["exports.transform = {};", "transform"],
      ["export const fold = (;", "transform"],
    ]) {
      assert.equal((await kind(code)).world, world, code);
    }
    await assert.rejects(kind("export const fold = 1, transform = 2;"), /transform.js exports `transform`, for records, and `fold`/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
