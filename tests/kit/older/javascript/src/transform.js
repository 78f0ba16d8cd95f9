// Keeps what has an id, and nothing else.

import { text } from "./text.js";

export const transform = {
  configure() {},

  process(event) {
    let value;
    try {
      value = JSON.parse(text(event.data));
    } catch (error) {
      return { tag: "reject", val: "not JSON" };
    }
    return { tag: "id" in value ? "keep" : "drop" };
  },
};
