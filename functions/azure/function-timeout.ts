/** `functionTimeout` of host.json (a test compares them). */
export const FUNCTION_TIMEOUT_MS = 10 * 60_000;
