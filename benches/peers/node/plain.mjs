// The handler that a team would write in JavaScript: a loop over the records.

import { rewrite, show } from "./reading.mjs";
import { serve } from "./runtime.mjs";

await serve(async (event) => {
  const outputs = [];
  for (const record of event.Records) {
    try {
      const output = rewrite(record.kinesis.data);
      if (output !== undefined) outputs.push(output);
    } catch {
      return { batchItemFailures: [{ itemIdentifier: record.kinesis.sequenceNumber }] };
    }
  }
  show(outputs);
  return { batchItemFailures: [] };
});
