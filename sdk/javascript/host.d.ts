// The processor's side of the contract under its own name, as wit/deps/transform/transform.wit has it.

declare module "kinesieve:transform/host@0.1.0" {
  /** How much a line of the log matters. */
  export type Level = "trace" | "debug" | "info" | "warn" | "error";

  /** A shard of a stream. */
  export interface Shard {
    readonly streamArn: string;
    readonly shardId: string;
  }

  /** Writes one line to the processor's structured log. */
  export function log(level: Level, message: string): void;

  /** The shard that the record in hand came from. Both names are empty while the transform is configured. */
  export function currentShard(): Shard;
}
