import { app } from '@azure/functions';
import { summarize } from '../../shared/model/report.ts';
import { FUNCTION_TIMEOUT_MS } from './function-timeout.ts';

app.timer('replicate', {
  // Six fields, seconds first, in UTC; off the full hour, when Velero's schedules start.
  schedule: process.env['DRYDOCK_REPLICATE_SCHEDULE'] ?? '0 17 * * * *',
  handler: async (timer, context) => {
    if (timer.isPastDue) context.warn('replicate runs late: at least one tick was missed');
    // Here and not above: an import that fails there takes every function of the app along.
    const { configuredReplicate } = await import('../wiring.ts');
    const reports = await configuredReplicate(process.env, {
      now: new Date(),
      remainingMs: FUNCTION_TIMEOUT_MS,
    });
    for (const report of reports) context.log(JSON.stringify(summarize(report)));
  },
});
