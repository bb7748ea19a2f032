/** Messages through moto's SQS, and what moto's EventBridge makes of an object written to its S3. */
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shardsOfEvent } from '../../functions/verify-shards.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { sqsQueue } from '../../shared/queues/sqs.ts';
import { entryValue } from '../../shared/queues/work-message.ts';
import { workQueueContract } from '../contract/work-queue.ts';
import { systemClock } from '../support/clock.ts';
import { type S3Service, startMoto } from './s3-services.ts';

const MOTO_ACCOUNT = '123456789012';

function clientOf({ endpoint, region, credentials }: S3Service): SQSClient {
  return new SQSClient({ endpoint, region, credentials, maxAttempts: 1 });
}

async function createQueue(client: SQSClient, name: string): Promise<string> {
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name }));
  if (QueueUrl === undefined) throw new Error(`moto made no queue "${name}"`);
  return QueueUrl;
}

async function takeBodies(client: SQSClient, QueueUrl: string): Promise<string[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
  );
  for (const { ReceiptHandle } of Messages) {
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
  return Messages.map(({ Body = '' }) => Body);
}

workQueueContract('of SQS (moto)', async () => {
  const moto = await startMoto();
  const client = clientOf(moto);
  const url = await createQueue(client, 'shards');
  const nowhere = new SQSClient({
    endpoint: 'http://127.0.0.1:9',
    region: moto.region,
    credentials: moto.credentials,
    maxAttempts: 1,
  });
  return {
    queue: sqsQueue(client, url),
    // moto looks at no credentials: what a refusal is, test/queues/sqs.test.ts says.
    failing: {
      not_found: sqsQueue(client, url.replace('shards', 'absent')),
      unreachable: sqsQueue(nowhere, 'http://127.0.0.1:9/123456789012/shards'),
    },
    take: () => takeBodies(client, url),
    pass: () => systemClock.sleep(1_500),
    close: async () => {
      client.destroy();
      nowhere.destroy();
      await moto.stop();
    },
  };
});

let moto: S3Service;
beforeAll(async () => {
  moto = await startMoto();
});
afterAll(() => moto.stop());

test('what S3 tells EventBridge of a backup, and EventBridge a queue, is a shard', async () => {
  const { endpoint, region, credentials } = moto;
  const common = { endpoint, region, credentials };
  const sqs = clientOf(moto);
  const url = await createQueue(sqs, 'events');
  const events = new EventBridgeClient(common);
  // As infra/aws/verify-on-event.yml has it.
  const EventPattern = JSON.stringify({
    source: ['aws.s3'],
    'detail-type': ['Object Created'],
    detail: { bucket: { name: ['acme-backups'] } },
  });
  await events.send(new PutRuleCommand({ Name: 'backup-written', EventPattern }));
  const Arn = `arn:aws:sqs:${region}:${MOTO_ACCOUNT}:events`;
  await events.send(
    new PutTargetsCommand({ Rule: 'backup-written', Targets: [{ Id: 'queue', Arn }] }),
  );
  await moto.createBucket('acme-backups');
  const s3 = new S3Client({ ...common, forcePathStyle: true });
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: 'acme-backups',
      NotificationConfiguration: { EventBridgeConfiguration: {} },
    }),
  );
  for (const name of ['velero-backup.json', 'daily-1.tar.gz']) {
    const Key = `velero/backups/daily-1/${name}`;
    await s3.send(new PutObjectCommand({ Bucket: 'acme-backups', Key, Body: '{}' }));
  }
  const config = parseConfig(
    'version: 1\nlocations: { primary: { url: "s3://acme-backups/velero" } }\n',
    'drydock.yaml',
  );
  const bodies = await takeBodies(sqs, url);
  const outcomes = bodies.map((body) => shardsOfEvent(entryValue(body), config));
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['foreign', 'shards']);
  expect(outcomes).toContainEqual({
    kind: 'shards',
    shards: [expect.objectContaining({ location: 'primary', backup: 'daily-1', continuation: 0 })],
  });
  for (const client of [sqs, events, s3]) client.destroy();
});
