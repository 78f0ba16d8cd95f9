// The contract, as TypeScript sees it. wit/deps/transform.wit is its source.

/// <reference path="./globals.d.ts" />
/// <reference path="./host.d.ts" />

export { currentShard, log } from "kinesieve:transform/host@0.1.0";
export type { Level, Shard } from "kinesieve:transform/host@0.1.0";

/** One record of the stream. */
export interface Event {
  /** The payload, as the producer wrote it. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The partition key, 1 to 256 characters. */
  readonly partitionKey: string;
  /** The Kinesis sequence number: a decimal integer of up to 56 digits. */
  readonly sequenceNumber: string;
  /** The record's index inside its KPL aggregate, exact up to 2^53; 0 for a record that travelled alone. */
  readonly subSequenceNumber: number;
  /** Approximate arrival at the stream, in milliseconds since the Unix epoch. */
  readonly arrivedAt: number;
}

/** One record to deliver. */
export interface Output {
  /** `new TextEncoder().encode(text)` makes bytes of a text. */
  data: Uint8Array | number[];
  /** The key to deliver under; absent: the record's own. */
  partitionKey?: string | null;
  /** The name of a configured route; absent: the main output. */
  route?: string | null;
}

/** What becomes of a record. */
export type Outcome =
  /** It is delivered as it came, byte for byte. */
  | { tag: "keep" }
  /** Nothing is delivered, and it is done. */
  | { tag: "drop" }
  /** These are delivered instead, in this order. */
  | { tag: "emit"; val: Output[] }
  /** It comes again, and all that follow it in its shard. The text says why. */
  | { tag: "retry"; val: string }
  /** It can never be processed, so it is dead-lettered. The text says why. */
  | { tag: "reject"; val: string };

/** What a module exports as `transform`. */
export interface Transform {
  /**
   * Called once for each instance, before its first record, with the settings of the deployment. What it throws stops the
   * start. Without it, a transform takes no settings.
   */
  configure?(settings: [name: string, value: string][]): void;

  /** Called once for each record, in the order of its shard. It answers at once: a Promise is refused. */
  process(event: Event): Outcome;
}
