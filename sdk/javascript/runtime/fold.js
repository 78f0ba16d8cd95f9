// What the component of a transform of tumbling windows exports: the author's fold, with an explanation for each thing that
// can be wrong about it, and its state as JSON.

import { answered, configured, exported, needFunction, reasonOf, refusal } from "./author.js";
import { end } from "./end.js";
import { explainConclusion, explainFolding, isFailure } from "./folding.js";
import { start } from "./globals.js";
import { AT_ONCE, isObject, named } from "./named.js";
import { areOutputs } from "./outputs.js";
import { readState, whyNotJson, writtenState } from "./state.js";

const FOLDED = { tag: "folded" };

/** The exports of the component, of an author's file and a function that runs it. */
export function serveFold(file, load) {
  let author;
  let window;
  let state;
  return {
    configure(settings) {
      start();
      author = foldOf(file, exported(file, load));
      configured(author, `the \`fold\` of ${file}`, settings);
      // What is wrong with it is seen at a start, and not with the first window.
      let begun;
      try {
        begun = author.begin();
      } catch (error) {
        throw refusal("begin", error);
      }
      const wrong = explainBeginning(begun);
      if (wrong !== undefined) throw wrong;
    },

    stateForm: () => author.form,

    open(span, saved) {
      window = span;
      if (saved !== null && saved !== undefined) {
        state = readState(saved);
        return;
      }
      const begun = answered("begin", () => author.begin());
      const wrong = explainBeginning(begun);
      if (wrong !== undefined) end(wrong);
      // It goes the way of each state, so that a window does the same with the first batch and with all others.
      state = readState(writtenState(begun));
    },

    accumulate(event) {
      const answer = answered("accumulate", () => author.accumulate(state, event));
      if (answer === undefined) return FOLDED;
      if (!isFailure(answer)) end(explainFolding(answer, state));
      return reasonOf(answer);
    },

    save() {
      const wrong = whyNotJson(state);
      if (wrong !== undefined) end(`the state can't be saved: ${wrong}`);
      return writtenState(state);
    },

    finish(ending) {
      const { start, end: before } = window;
      const answer = answered("finish", () => author.finish(state, { start, end: before, ending }));
      state = undefined;
      if (areOutputs(answer)) return { tag: "emit", val: answer };
      if (!isFailure(answer)) end(explainConclusion(answer));
      return reasonOf(answer);
    },
  };
}

/** The fold that the author's modules export. */
function foldOf(file, { fold }) {
  if (!isObject(fold)) {
    const remedy = "it has to be an object with `form`, `begin`, `accumulate` and `finish`";
    throw `${file} exports ${named(fold)} as \`fold\`: ${remedy}`;
  }
  const what = `the \`fold\` of ${file}`;
  if (typeof fold.form !== "string" || fold.form === "" || !fold.form.isWellFormed()) {
    const found = fold.form === "" ? "an empty text" : named(fold.form);
    throw `${what} has ${fold.form === undefined ? "no `form`" : `${found} as \`form\``}: name the form of the state with its version, as "sums/1"`;
  }
  needFunction(fold, what, "begin", "returns the state that a window begins with");
  needFunction(fold, what, "accumulate", "takes the state and an event");
  needFunction(fold, what, "finish", "takes the state and its window, and returns outputs");
  return fold;
}

/** What is wrong with the state that a window is to begin with. */
function explainBeginning(state) {
  if (typeof state?.then === "function") return `begin returned a Promise: ${AT_ONCE}`;
  if (!isObject(state)) {
    const found = state === undefined ? "nothing" : named(state);
    return `begin returned ${found}: it has to return an object or an array, which \`accumulate\` changes, as {}`;
  }
  const wrong = whyNotJson(state);
  return wrong === undefined ? undefined : `begin returned what can't be saved: ${wrong}`;
}
