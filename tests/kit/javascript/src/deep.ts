// Types, which leave no line behind.

export interface Holder {
  field: string;
}

type Maybe<Value> = Value | null;

export function deep(value: Maybe<Holder>): string {
  return value!.field;
}
