// The contract, as TypeScript sees it: wit/transform.wit says what each part means.

export interface Event {
  data: Uint8Array;
  partitionKey: string;
  sequenceNumber: string;
  /** Exact up to 2^53. */
  subSequenceNumber: number;
  arrivedAt: number;
}

export interface Output {
  data: Uint8Array;
  partitionKey?: string | null;
  route?: string | null;
}

export type Outcome =
  | { tag: "keep" }
  | { tag: "drop" }
  | { tag: "emit"; val: Output[] }
  | { tag: "retry"; val: string }
  | { tag: "reject"; val: string };

export interface Transform {
  configure(settings: [name: string, value: string][]): void;
  process(event: Event): Outcome;
}
