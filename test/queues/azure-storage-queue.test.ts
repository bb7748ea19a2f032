import { azureStorageQueue } from '../../shared/queues/azure-storage-queue.ts';
import { workQueueContract } from '../contract/work-queue.ts';
import { startAzuriteQueues, takeTexts } from '../support/azurite-queues.ts';
import { systemClock } from '../support/clock.ts';

workQueueContract('of Azure storage (Azurite)', async () => {
  const azurite = await startAzuriteQueues();
  const client = azurite.queue('shards');
  await client.create();
  const accountKey = Buffer.from('another key').toString('base64');
  const nowhere = 'http://127.0.0.1:9/devstoreaccount1';
  return {
    queue: azureStorageQueue(client),
    failing: {
      not_found: azureStorageQueue(azurite.queue('absent')),
      denied: azureStorageQueue(azurite.queue('shards', { accountKey })),
      unreachable: azureStorageQueue(azurite.queue('shards', { endpoint: nowhere })),
    },
    take: () => takeTexts(client),
    pass: () => systemClock.sleep(1_200),
    close: azurite.close,
  };
});
