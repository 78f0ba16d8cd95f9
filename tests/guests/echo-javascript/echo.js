// The guest of the conformance cases, in JavaScript: see tests/conformance/README.md.

import { currentShard, log } from "kinesieve:transform/host@0.1.0";
import { bytes, text } from "./text.js";

let given = [];

const emit = (...outputs) => ({ tag: "emit", val: outputs });

export const transform = {
  configure(settings) {
    const refusal = settings.find(([name]) => name === "refuse");
    if (refusal) throw refusal[1];
    given = settings;
  },

  process(event) {
    const { data } = event;
    switch (event.partitionKey.split(" ")[0]) {
      case "keep":
        return { tag: "keep" };
      case "drop":
        return { tag: "drop" };
      case "retry":
        return { tag: "retry", val: text(data) };
      case "reject":
        return { tag: "reject", val: text(data) };
      case "none":
        return emit();
      case "same":
        return emit({ data });
      case "key":
        return emit({ data, partitionKey: event.partitionKey });
      case "route":
        return emit({ data, route: "side" });
      case "many":
        return emit(
          ...Array.from({ length: Number(text(data)) }, (_, index) => ({
            data: bytes(String(index)),
            partitionKey: `k${index}`,
          })),
        );
      case "event":
        return emit({ data: bytes(`${event.sequenceNumber} ${event.subSequenceNumber} ${event.arrivedAt}`) });
      case "shard": {
        const { streamArn, shardId } = currentShard();
        return emit({ data: bytes(`${streamArn} ${shardId}`) });
      }
      case "settings":
        return emit({ data: bytes(given.map(([name, value]) => `${name}=${value}`).join("\n")) });
      case "log":
        log("info", text(data));
        return { tag: "keep" };
      default:
        return { tag: "reject", val: "no such verb" };
    }
  },
};
