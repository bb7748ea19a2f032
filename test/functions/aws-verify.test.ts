import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DIST } from '../../infra/build/bundle.ts';
import type { ReportSummary } from '../../shared/model/report.ts';
import { parseMessage } from '../../shared/queues/work-message.ts';
import { FAKE_SQS_ACCOUNT, type FakeSqs, startFakeSqs } from '../support/fake-sqs.ts';
import { type FunctionWorld, startFunctionWorld, verifyConfig } from '../support/function-world.ts';
import { type Lambda, type LambdaOutcome, startLambda } from '../support/lambda-runtime.ts';

/** The built bundles in processes of their own; what one sends to the queue, another one is given. */
type Name = 'verify' | 'verify-on-event' | 'worker';

let world: FunctionWorld;
let sqs: FakeSqs;
const started = new Map<Name, Lambda>();

beforeAll(async () => {
  world = await startFunctionWorld();
  sqs = await startFakeSqs(['shards'], world.s3.credentials.accessKeyId);
  const { s3, urls } = world;
  // The same backups without their volumes' repositories, which take a second each to open.
  for (const { key, bytes } of s3.objects('small')) {
    const copy = key.replace('prod/', 'replica/');
    if (key.startsWith('prod/backups/')) await s3.putObject('copy', copy, bytes);
  }
  const path = await world.config(...verifyConfig(urls.small, urls.bucket, urls.state));
  const env = {
    ...world.env,
    DRYDOCK_CONFIG: path,
    DRYDOCK_QUEUE_URL: `${sqs.url}/${FAKE_SQS_ACCOUNT}/shards`,
  };
  for (const name of ['verify', 'verify-on-event', 'worker'] as const) {
    const taskRoot = join(DIST, 'aws', name);
    const options = { taskRoot, handler: 'index.handler', timeoutMs: 45_000, env };
    started.set(name, await startLambda(options));
  }
});
afterAll(async () => {
  for (const lambda of started.values()) await lambda.close();
  await Promise.all([sqs.close(), world.close()]);
});
afterEach(() => world.s3.setFault(undefined));

function lambda(name: Name): Lambda {
  const found = started.get(name);
  if (found === undefined) throw new Error(`${name} is not started`);
  return found;
}

/** As SQS hands messages to a function. */
const batch = (...bodies: readonly unknown[]) => ({
  Records: bodies.map((body, at) => ({
    messageId: `message-${at}`,
    receiptHandle: 'AQEB',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: { ApproximateReceiveCount: '1' },
    eventSource: 'aws:sqs',
    awsRegion: 'eu-central-1',
  })),
});

const failed = (outcome: LambdaOutcome): unknown =>
  outcome.kind === 'result' ? outcome.value : outcome;
const NONE_FAILED = { batchItemFailures: [] };

/** Everything in a bucket, by content. */
const contents = (bucket: string): string[] =>
  world.s3
    .objects(bucket)
    .map(({ key, bytes }) => `${key} ${createHash('sha256').update(bytes).digest('hex')}`);

describe('verify on Lambda', () => {
  test('a tick becomes a shard per location, and each shard a verified location', async () => {
    const before = contents('small');
    const tick = await lambda('verify').invoke({ source: 'aws.scheduler', detail: {} });
    expect(tick, lambda('verify').logs()).toMatchObject({
      kind: 'result',
      value: { shardsSent: 2, reports: [] },
    });
    const shards = sqs.sent.map(({ body }) => parseMessage(body));
    expect(shards.map(({ location }) => location)).toEqual(['first', 'second']);
    expect(new Set(shards.map(({ runId }) => runId)).size).toBe(1);

    const answer = await lambda('worker').invoke(batch(sqs.sent[0]?.body));
    expect(failed(answer), lambda('worker').logs()).toEqual(NONE_FAILED);
    expect(world.bus.events).toMatchObject([
      {
        detail: {
          schema: 'drydock/report-summary/v1',
          run: { job: 'verify', id: shards[0]?.runId },
          unfinished: false,
        },
      },
    ]);
    const detail = world.bus.events[0]?.detail as ReportSummary | undefined;
    expect(detail?.verdicts.verified).toBeGreaterThan(0);
    expect(world.s3.objects('drydock-state').length).toBeGreaterThan(0);
    expect(contents('small')).toEqual(before);
    expect(sqs.sent).toHaveLength(2);
  });

  test('a backup that is just written becomes a delayed shard for it alone', async () => {
    const written = world.s3
      .objects('copy')
      .find((object) => object.key.endsWith('/velero-backup.json'));
    const { key = '', bytes: Body = new Uint8Array() } = written ?? {};
    const { endpoint, region, credentials } = world.s3;
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    for (const Key of [key, 'replica/backups/x/x.tar.gz']) {
      await client.send(new PutObjectCommand({ Bucket: 'copy', Key, Body }));
    }
    client.destroy();
    const sent = sqs.sent.length;
    const events = world.events.slice(-2);
    const answer = await lambda('verify-on-event').invoke(batch(...events));
    expect(failed(answer), lambda('verify-on-event').logs()).toEqual(NONE_FAILED);
    expect(lambda('verify-on-event').logs()).toContain('"event ignored"');
    expect(sqs.sent.slice(sent)).toMatchObject([{ delaySeconds: 60 }]);
    const body = sqs.sent.at(-1)?.body;
    const backup = key.split('/').at(-2);
    expect(parseMessage(body)).toMatchObject({ location: 'second', backup, runId: events[0]?.id });

    // Straight from a rule of EventBridge it is the same.
    await lambda('verify-on-event').invoke(events[0]);
    expect(sqs.sent.at(-1)?.body).toBe(body);

    for (const _ of ['once', 'twice']) {
      const worked = await lambda('worker').invoke(batch(body));
      expect(failed(worked), lambda('worker').logs()).toEqual(NONE_FAILED);
      expect(world.bus.events.at(-1)).toMatchObject({ detail: { scope: { backup } } });
    }
  });

  const shard = { schema: 'drydock/shard/v1', job: 'verify', runId: 'late', location: 'second' };

  test('what the time did not suffice for is sent to the queue again, and then done', async () => {
    const message = { ...shard, continuation: 3 };
    const answer = await lambda('worker').invoke(batch(message), 45_000, 1);
    expect(failed(answer), lambda('worker').logs()).toEqual(NONE_FAILED);
    const next = parseMessage(sqs.sent.at(-1)?.body);
    expect(next).toEqual({ ...message, continuation: 4 });
    const sent = sqs.sent.length;
    await lambda('worker').invoke(batch(next));
    expect(world.bus.events.at(-1)).toMatchObject({
      detail: { run: { id: 'late' }, unfinished: false },
    });
    expect(sqs.sent).toHaveLength(sent);
  });

  test('messages that fail are handed back, and no other one with them', async () => {
    const gone = { ...shard, location: 'gone', continuation: 0 };
    const endless = { ...shard, continuation: 200 };
    const newer = { ...shard, schema: 'drydock/shard/v2', continuation: 0 };
    const answer = await lambda('worker').invoke(batch('poison', gone, newer, endless), 45_000, 1);
    expect(failed(answer), lambda('worker').logs()).toEqual({
      batchItemFailures: [
        { itemIdentifier: 'message-0' },
        { itemIdentifier: 'message-2' },
        { itemIdentifier: 'message-3' },
      ],
    });
    const logs = lambda('worker').logs();
    for (const said of ['MESSAGE_INVALID', 'MESSAGE_NEWER', 'SHARD_ENDLESS']) {
      expect(logs).toContain(said);
    }
    expect(logs).toContain('shard of a location that is not configured');
  });

  test('a store that refuses fails the message, which comes again', async () => {
    world.s3.setFault(({ bucket }) =>
      bucket === 'copy' ? { answer: { status: 403, code: 'AccessDenied' } } : undefined,
    );
    const answer = await lambda('worker').invoke(
      batch({ ...shard, runId: 'denied', continuation: 0 }),
    );
    // As a whole: so that it counts as an error of the function, and somebody is called.
    expect(answer).toMatchObject({
      kind: 'error',
      error: { errorType: 'DrydockError', errorMessage: expect.stringContaining('access denied') },
    });
    expect(lambda('worker').logs()).toContain('"code":"denied"');
  });

  test('nothing that any of them says holds a secret', () => {
    const said = [...started.values()].map((each) => each.logs()).join('');
    expect(said.length).toBeGreaterThan(0);
    for (const name of ['AWS_SECRET_ACCESS_KEY', 'AZURE_STORAGE_KEY']) {
      expect(said).not.toContain(world.env[name]);
    }
  });
});
