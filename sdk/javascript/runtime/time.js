// `performance`. The engine's own counts from the build on: its start is a part of the component.

const engine = performance;
const now = engine.now.bind(engine);

let start = 0;
let origin = 0;

/** Counts from now on. */
export function startClock() {
  start = now();
  origin = Date.now();
}

export const clock = {
  now: () => now() - start,
  get timeOrigin() {
    return origin;
  },
  toJSON: () => ({ timeOrigin: origin }),
};
