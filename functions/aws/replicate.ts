import { type ReportSummary, summarize } from '../../shared/model/report.ts';
import { configuredReplicate } from '../wiring.ts';

/**
 * Runs every route of the configuration at the tick of an EventBridge schedule. What it throws
 * counts as an error of the function: Lambda tries once more, then keeps the tick in the queue.
 */
export async function handler(
  _tick: unknown,
  context: { getRemainingTimeInMillis(): number },
): Promise<ReportSummary[]> {
  const remainingMs = context.getRemainingTimeInMillis();
  const reports = await configuredReplicate(process.env, { now: new Date(), remainingMs });
  return reports.map(summarize);
}
