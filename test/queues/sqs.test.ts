import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqsQueue } from '../../shared/queues/sqs.ts';
import { parseMessage } from '../../shared/queues/work-message.ts';
import type { WorkMessage, WorkQueue } from '../../shared/queues/work-queue.ts';
import { FAKE_SQS_ACCOUNT, type FakeSqs, startFakeSqs } from '../support/fake-sqs.ts';

/** How a message is sent and what refusals mean; whether it comes out again is judged on moto. */

let sqs: FakeSqs;

beforeAll(async () => {
  sqs = await startFakeSqs(['shards'], 'AKIDRIGHT');
});
afterAll(() => sqs.close());

const MESSAGE: WorkMessage = {
  schema: 'drydock/shard/v1',
  job: 'verify',
  runId: 'run',
  location: 'primary',
  backup: 'daily-20260101020000',
  continuation: 3,
};

function queue(name: string, accessKeyId = 'AKIDRIGHT', url = sqs.url): WorkQueue {
  const credentials = { accessKeyId, secretAccessKey: 'canary-of-a-secret-key' };
  const client = new SQSClient({ region: 'eu-central-1', credentials, maxAttempts: 1 });
  return sqsQueue(client, `${url}/${FAKE_SQS_ACCOUNT}/${name}`);
}

test('a message travels as JSON, with the delay in seconds', async () => {
  await queue('shards').send(MESSAGE, { delayMs: 60_000 });
  expect(sqs.sent).toHaveLength(1);
  expect(sqs.sent[0]).toMatchObject({ delaySeconds: 60 });
  expect(parseMessage(sqs.sent[0]?.body)).toEqual(MESSAGE);
});

test.each([
  ['not_found', () => queue('absent')],
  ['denied', () => queue('shards', 'AKIDWRONG')],
  ['unreachable', () => queue('shards', 'AKIDRIGHT', 'http://127.0.0.1:9')],
] as const)('%s is a fact of its own, without a secret', async (code, open) => {
  const error: unknown = await open()
    .send(MESSAGE)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'QueueError', code });
  const shown = `${(error as Error).message} ${JSON.stringify((error as Error).cause)}`;
  expect(shown).not.toMatch(/canary|signature/i);
});
