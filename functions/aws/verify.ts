import { type ReportSummary, summarize } from '../../shared/model/report.ts';
import { configuredVerify } from '../configured-verify.ts';

interface Answer {
  readonly runId: string;
  readonly shardsSent: number;
  readonly reports: readonly ReportSummary[];
}

/**
 * Begins a verification of every location at the tick of an EventBridge schedule. What it throws
 * counts as an error of the function: Lambda tries once more, then keeps the tick in the queue.
 */
export async function handler(
  _tick: unknown,
  context: { getRemainingTimeInMillis(): number },
): Promise<Answer> {
  const remainingMs = context.getRemainingTimeInMillis();
  const tick = await configuredVerify(process.env, { now: new Date(), remainingMs });
  return { ...tick, reports: tick.reports.map(summarize) };
}
