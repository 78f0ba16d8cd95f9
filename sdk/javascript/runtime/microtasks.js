// Microtasks. Nobody runs the engine's own queue during a call, so these have one of their own.

let queue = [];

export function queueMicrotask(callback) {
  if (typeof callback !== "function") throw new TypeError("queueMicrotask takes a function");
  queue.push(callback);
}

/** Calls what is queued, and what that queues. What one of them throws ends it all. */
export function runMicrotasks() {
  while (queue.length > 0) {
    const callbacks = queue;
    queue = [];
    for (const callback of callbacks) callback();
  }
}
