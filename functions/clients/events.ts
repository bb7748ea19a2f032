import { type Report, type ReportSummary, summarize } from '../../shared/model/report.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';

export interface EventBus {
  readonly bus: string;
  readonly region?: string;
}

/**
 * Publishes the summary of a finished run, so that users hang their own automation on it. A bus
 * that cannot be reached never makes a run fail: it is logged.
 */
export async function publishReport(report: Report, to: EventBus, log: Logger): Promise<void> {
  const detail: ReportSummary = summarize(report);
  try {
    const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    const region = to.region ?? /^arn:[^:]*:events:([^:]+):/.exec(to.bus)?.[1];
    const client = new EventBridgeClient({ ...(region !== undefined && { region }) });
    try {
      const { Entries: [entry] = [] } = await client.send(
        new PutEventsCommand({
          Entries: [
            {
              EventBusName: to.bus,
              Source: 'drydock',
              DetailType: 'Drydock Report',
              Detail: JSON.stringify(detail),
              Time: new Date(report.run.finishedAt),
            },
          ],
        }),
      );
      // Refusals of single events come with status 200.
      if (entry?.ErrorCode !== undefined) fail(entry.ErrorCode);
      else log.log('info', 'report published', { bus: to.bus, runId: report.run.id });
    } finally {
      client.destroy();
    }
  } catch (error) {
    fail(error instanceof Error ? error.name : 'unknown');
  }

  function fail(reason: string): void {
    log.log('warning', 'report not published', { bus: to.bus, runId: report.run.id, reason });
  }
}
