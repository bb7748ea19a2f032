import { join } from 'node:path';
import type { QueueClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIST } from '../../infra/build/bundle.ts';
import type { ReportSummary } from '../../shared/model/report.ts';
import { parseMessage } from '../../shared/queues/work-message.ts';
import { type FunctionApp, startFunctionApp } from '../support/azure-functions-host.ts';
import { type AzuriteQueues, startAzuriteQueues, takeTexts } from '../support/azurite-queues.ts';
import { type FunctionWorld, startFunctionWorld, verifyConfig } from '../support/function-world.ts';

/** The built app under the real library of Azure Functions, and Azurite's queues between. */
const main = join(DIST, 'azure/main.mjs');

let world: FunctionWorld;
let queues: AzuriteQueues;
let queue: QueueClient;
let app: FunctionApp;
let appWithoutQueue: FunctionApp;

beforeAll(async () => {
  [world, queues] = await Promise.all([startFunctionWorld(), startAzuriteQueues()]);
  queue = queues.queue('shards');
  await queue.create();
  const { urls, s3, azurite } = world;
  // Backups without their volumes' repositories, which take a second each to open.
  for (const { key, bytes } of s3.objects('small')) {
    if (!key.startsWith('prod/backups/')) continue;
    const blob = azurite.container('copy').getBlockBlobClient(key.replace('prod/', 'replica/'));
    await blob.uploadData(bytes);
  }
  const config = await world.config(...verifyConfig(urls.container, urls.small, urls.state));
  const env = { ...world.env, DRYDOCK_CONFIG: config };
  appWithoutQueue = await startFunctionApp(main, env);
  app = await startFunctionApp(main, { ...env, DRYDOCK_QUEUE_URL: `${queues.endpoint}/shards` });
});
afterAll(async () => {
  await Promise.all([app.close(), appWithoutQueue.close()]);
  await Promise.all([world.close(), queues.close()]);
});

/** What the app logged of its runs, as Application Insights would get it, from line `from` on. */
const logged = ({ log }: FunctionApp, from = 0): unknown[] =>
  log
    .slice(from)
    .filter(({ category }) => category === 'user')
    .map(({ message }) => JSON.parse(message));

describe('verify on Azure Functions', () => {
  test('registers the queues of the worker and of events only where there is a queue', async () => {
    const names = appWithoutQueue.functions.map(({ name }) => name);
    expect(names.sort()).toEqual(['replicate', 'verify']);
    expect(app.functions).toEqual(
      expect.arrayContaining([
        {
          name: 'verify',
          bindings: [expect.objectContaining({ type: 'timerTrigger', schedule: '0 47 * * * *' })],
        },
        {
          name: 'worker',
          bindings: [expect.objectContaining({ type: 'queueTrigger', queueName: 'shards' })],
        },
        {
          name: 'verify-on-event',
          bindings: [
            expect.objectContaining({ type: 'queueTrigger', queueName: 'drydock-events' }),
          ],
        },
      ]),
    );
  });

  test('a tick becomes a shard per location, and a shard a verified location', async () => {
    expect(await app.fireTimer('verify'), app.output()).toMatchObject({ kind: 'done' });
    const texts = await takeTexts(queue);
    const shards = texts.map(parseMessage);
    expect(shards.map(({ location }) => location).sort()).toEqual(['first', 'second']);
    expect(logged(app)).toEqual([{ runId: shards[0]?.runId, shardsSent: 2 }]);

    const text = texts.find((each) => parseMessage(each).location === 'first') ?? '';
    expect(await app.fireQueue('worker', text), app.output()).toEqual(
      expect.objectContaining({ kind: 'done' }),
    );
    const summary = logged(app).at(-1) as ReportSummary;
    expect(summary).toMatchObject({
      schema: 'drydock/report-summary/v1',
      run: { job: 'verify', id: shards[0]?.runId },
      unfinished: false,
    });
    expect(world.bus.events.at(-1)?.detail).toEqual(summary);
    expect(await takeTexts(queue)).toEqual([]);
  });

  test('a blob that Event Grid tells of becomes a delayed shard, also from base64', async () => {
    const { account, endpoint } = world.azurite;
    const from = app.log.length;
    const blob = 'replica/backups/daily-1/velero-backup.json';
    const event = {
      topic: `/subscriptions/0/providers/Microsoft.Storage/storageAccounts/${account}`,
      subject: `/blobServices/default/containers/copy/blobs/${blob}`,
      eventType: 'Microsoft.Storage.BlobCreated',
      id: '831e1650-001e-001b-66ab-eeb76e069631',
      data: { api: 'PutBlob', url: `${endpoint}/copy/${blob}` },
      eventTime: '2026-01-01T02:00:00Z',
    };
    const text = JSON.stringify(event);
    for (const sent of [text, Buffer.from(text).toString('base64')]) {
      expect(await app.fireQueue('verify-on-event', sent)).toMatchObject({ kind: 'done' });
    }
    const foreign = text.replaceAll('velero-backup.json', 'daily-1.tar.gz');
    expect(await app.fireQueue('verify-on-event', foreign)).toMatchObject({ kind: 'done' });
    expect(logged(app, from)).toEqual([{ shardsSent: 1 }, { shardsSent: 1 }, { shardsSent: 0 }]);
    // They wait for a minute, and are there.
    expect(await takeTexts(queue)).toEqual([]);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(2);
    await queue.clearMessages();
  });

  test('a message that cannot be read fails, so that the host puts it aside in the end', async () => {
    for (const name of ['worker', 'verify-on-event']) {
      expect(await app.fireQueue(name, 'poison')).toMatchObject({
        kind: 'failed',
        message: 'Cannot read a message of the queue: it is neither JSON nor base64 of JSON',
      });
    }
    const shard = { schema: 'drydock/shard/v2', job: 'verify', runId: 'x', location: 'first' };
    expect(await app.fireQueue('worker', JSON.stringify(shard))).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('drydock/shard/v2'),
    });
  });

  test('without a queue the timer does the work itself', async () => {
    expect(await appWithoutQueue.fireTimer('verify'), appWithoutQueue.output()).toMatchObject({
      kind: 'done',
    });
    const [tick, ...summaries] = logged(appWithoutQueue);
    expect(tick).toMatchObject({ shardsSent: 0 });
    expect(summaries).toHaveLength(2);
    // Every pack was decrypted, by the worker threads that lie beside the bundle.
    const { measures } = summaries[1] as ReportSummary;
    expect(measures).toMatchObject({ 'kopia.packsUnproven': 0, 'kopia.coveragePercent': 100 });
    expect(measures['kopia.packsRead']).toBeGreaterThan(0);
  });
});
