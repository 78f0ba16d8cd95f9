// What a transform imports: the processor's side of the contract.

export { currentShard, log } from "kinesieve:transform/host@0.1.0";
