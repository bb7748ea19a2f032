import { app } from '@azure/functions';
import { FUNCTION_TIMEOUT_MS } from './function-timeout.ts';

// Without a queue there is nowhere to send a shard to.
if (process.env['DRYDOCK_QUEUE_URL']) {
  app.storageQueue('verify-on-event', {
    // A subscription of Event Grid to the account's BlobCreated delivers into this queue.
    queueName: process.env['DRYDOCK_EVENT_QUEUE'] ?? 'drydock-events',
    connection: process.env['DRYDOCK_QUEUE_CONNECTION'] ?? 'AzureWebJobsStorage',
    handler: async (entry, context) => {
      const { configuredEvent } = await import('../configured-event.ts');
      const shardsSent = await configuredEvent(process.env, entry, {
        now: new Date(),
        remainingMs: FUNCTION_TIMEOUT_MS,
      });
      context.log(JSON.stringify({ shardsSent }));
    },
  });
}
