// A fold that does what a record says.

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What `accumulate` answers, or does to the state. */
const STEPS = {
  add: (state) => {
    state.sum += 1;
  },
  half: (state) => {
    state.sum += 1;
    return { tag: "reject", val: "half of it" };
  },
  throw: () => {
    throw new TypeError("odd");
  },
  state: (state) => state,
  nan: (state) => {
    state.sum = NaN;
  },
  set: (state) => {
    state.seen = new Set();
  },
  proto: (state, name) => {
    state[name] = 1;
  },
};

let answer = "";

export const fold = {
  form: "probe/1",
  begin: () => ({ sum: 0 }),
  accumulate(state, event) {
    const [word, more] = decoder.decode(event.data).split(" ");
    if (word === "answer") answer = more;
    else return STEPS[word](state, more);
  },
  finish(state, window) {
    if (answer === "object") return { secret: 1 };
    if (answer === "text") return [{ data: "secret" }];
    if (answer === "retry") return { tag: "retry", val: "later" };
    return [{ data: encoder.encode(JSON.stringify({ ...state, ...window })) }];
  },
};
