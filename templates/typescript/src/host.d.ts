// What the processor offers a transform.

declare module "kinesieve:transform/host@0.1.0" {
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  export function log(level: Level, message: string): void;
  export function currentShard(): { streamArn: string; shardId: string };
}
