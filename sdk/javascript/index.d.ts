// The contract, as TypeScript sees it. wit/deps/transform is its source.

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
  /** The key to deliver under; absent: the record's own, and of a window the shard's id. */
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

/** A window of time that is over, or was closed early. */
export interface Window {
  /** Its first millisecond, since the Unix epoch. */
  readonly start: number;
  /** The first millisecond that is not part of it. */
  readonly end: number;
  /**
   * `complete`: all of its events are in the state. `early`: Lambda closes it before its time, since its state is too large;
   * further events open it again, with a new state.
   */
  readonly ending: "complete" | "early";
}

/** Why something is not done. */
export type Failure =
  /** It comes again. The text says why. */
  | { tag: "retry"; val: string }
  /** It never can be done, so that it is dead-lettered. The text says why. */
  | { tag: "reject"; val: string };

/** What JSON holds of a state: a value of another type, such as a function, a Map or a Date, is of the type `never` in it. */
export type Plain<State> = { [Name in keyof State]: PlainValue<State[Name]> };

type PlainValue<Value> = Value extends string | number | boolean | null | undefined
  ? Value
  : Value extends bigint | symbol | ((...values: never[]) => unknown)
    ? never
    : Plain<Value>;

/**
 * What a module exports as `fold`: the events of a tumbling window are folded into a state, of which outputs are made when
 * the window is over.
 *
 * Between two batches the state is JSON, of 700,000 bytes at most, so it is best a sum of what came, and no list of it. What
 * is kept elsewhere is lost then.
 */
export interface Fold<State extends object & Plain<State>> {
  /**
   * The name and the version of the state's form, as `sums/1`. It changes when what was saved before can't be read any more:
   * a state of another form is refused.
   */
  readonly form: string;

  /**
   * Called once for each instance, before anything else, with the settings of the deployment. What it throws stops the start.
   * Without it, a transform takes no settings.
   */
  configure?(settings: [name: string, value: string][]): void;

  /** The state that a window begins with. */
  begin(): State;

  /**
   * Called once for each record of the window, in the order of its shard: it changes the state, and returns nothing. What it
   * does not take leaves no trace in the state. The same records have to lead to the same state: after a failure they come a
   * second time.
   */
  accumulate(state: State, event: Event): void | Failure;

  /** Called when the window is over. It returns what is delivered of it, in this order. */
  finish(state: State, window: Window): Output[] | Failure;
}
