// An error that says all that its reader needs: its stack would say nothing.

export class ExplainedError extends Error {
  isExplained = true;
}
