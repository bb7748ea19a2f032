import { app } from '@azure/functions';
import { summarize } from '../../shared/model/report.ts';
import { FUNCTION_TIMEOUT_MS } from './function-timeout.ts';

const queueUrl = process.env['DRYDOCK_QUEUE_URL'];

// Without a queue, `verify` does the work itself.
if (queueUrl !== undefined && queueUrl !== '') {
  app.storageQueue('worker', {
    queueName: queueUrl.split('/').at(-1) ?? '',
    connection: process.env['DRYDOCK_QUEUE_CONNECTION'] ?? 'AzureWebJobsStorage',
    // A message that fails comes again; after maxDequeueCount of host.json it is in <queue>-poison.
    handler: async (entry, context) => {
      const { configuredShard } = await import('../configured-verify.ts');
      const report = await configuredShard(process.env, entry, {
        now: new Date(),
        remainingMs: FUNCTION_TIMEOUT_MS,
      });
      if (report !== undefined) context.log(JSON.stringify(summarize(report)));
    },
  });
}
