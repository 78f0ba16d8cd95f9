// The handler that a team would write with the batch processor of Powertools for AWS Lambda.

import { BatchProcessorSync, EventType, processPartialResponseSync } from "@aws-lambda-powertools/batch";
import { rewrite, show } from "./reading.mjs";
import { serve } from "./runtime.mjs";

const processor = new BatchProcessorSync(EventType.KinesisDataStreams);

await serve(async (event, context) => {
  const outputs = [];
  const handleRecord = (record) => {
    const output = rewrite(record.kinesis.data);
    if (output !== undefined) outputs.push(output);
  };
  const response = processPartialResponseSync(event, handleRecord, processor, { context });
  show(outputs);
  return response;
});
