import { app } from '@azure/functions';
import { summarize } from '../../shared/model/report.ts';
import { FUNCTION_TIMEOUT_MS } from './function-timeout.ts';

app.timer('verify', {
  // Six fields, seconds first, in UTC; between two runs of `replicate`.
  schedule: process.env['DRYDOCK_VERIFY_SCHEDULE'] ?? '0 47 * * * *',
  handler: async (timer, context) => {
    if (timer.isPastDue) context.warn('verify runs late: at least one tick was missed');
    // Here and not above: an import that fails there takes every function of the app along.
    const { configuredVerify } = await import('../configured-verify.ts');
    const { runId, shardsSent, reports } = await configuredVerify(process.env, {
      now: new Date(),
      remainingMs: FUNCTION_TIMEOUT_MS,
    });
    context.log(JSON.stringify({ runId, shardsSent }));
    for (const report of reports) context.log(JSON.stringify(summarize(report)));
  },
});
