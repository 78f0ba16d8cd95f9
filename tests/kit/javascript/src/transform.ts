import type { Event, Outcome, Transform } from "kinesieve-sdk";

import { deep } from "./deep.js";

enum Kind {
  Throw = "throw",
  Say = "say",
}

export const transform: Transform = {
  process(event: Event): Outcome {
    const kind = new TextDecoder().decode(event.data) as Kind;
    if (kind === Kind.Throw) return { tag: "reject", val: deep(null) };
    console.error(new Error(`said in ${event.partitionKey}`));
    return { tag: "drop" };
  },
};
