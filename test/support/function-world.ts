import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Azurite, azuriteAccount } from './azurite.ts';
import { type EventBusServer, startEventBus } from './event-bus.ts';
import { fixtureOnServer } from './fixture-stores.ts';
import { type Fixture, loadFixture } from './fixtures.ts';
import type { S3Event } from './s3-server/events.ts';
import { type S3Server, startS3Server } from './s3-server/server.ts';

/** What the functions of both clouds reach in their tests, all of it on loopback. */
export interface FunctionWorld {
  readonly s3: S3Server;
  readonly azurite: Omit<Azurite, 'close'>;
  readonly bus: EventBusServer;
  /** What S3 told EventBridge of the objects that were written by requests, in that order. */
  readonly events: readonly S3Event[];
  readonly fixture: Fixture;
  /** What the cloud would hand to the process: credentials, and where EventBridge is. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Location URLs: the Velero root in S3, the same with one of its repositories, which cost a second
   * each to open, an empty bucket, an empty container, the state.
   */
  readonly urls: Readonly<Record<'origin' | 'small' | 'bucket' | 'container' | 'state', string>>;
  /** The keys of all format blobs that a copy below `prefix` must have. */
  repositories(prefix: string): string[];
  /** Writes a configuration file; answers its path. */
  config(...lines: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** A Velero root in a bucket, a place for its copy in either cloud, and a bus. */
export async function startFunctionWorld(): Promise<FunctionWorld> {
  const fixture = await loadFixture('velero/v1.18.2');
  const folder = await mkdtemp(join(tmpdir(), 'drydock-functions-'));
  const events: S3Event[] = [];
  const s3 = await startS3Server({ onEvent: (event) => void events.push(event) });
  const [azurite, bus] = await Promise.all([azuriteAccount(), startEventBus()]);
  for (const bucket of ['origin', 'small', 'copy', 'drydock-state']) s3.createBucket(bucket);
  await fixtureOnServer(fixture, s3, 'origin');
  const objects = fixture.objects.filter(({ key }) => /^prod\/(backups|kopia\/media)\//.test(key));
  await fixtureOnServer({ ...fixture, objects }, s3, 'small');
  await azurite.container('copy').create();
  const s3Url = (path: string): string =>
    `s3://${path}?region=${s3.region}&endpoint=${s3.endpoint}`;
  let files = 0;
  return {
    s3,
    azurite,
    bus,
    events,
    fixture,
    env: {
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      AWS_REGION: s3.region,
      AWS_ENDPOINT_URL_EVENTBRIDGE: bus.endpoint,
      AZURE_STORAGE_KEY: azurite.accountKey,
    },
    urls: {
      origin: s3Url('origin/prod'),
      small: s3Url('small/prod'),
      bucket: s3Url('copy/replica'),
      container: `azblob://${azurite.account}/copy/replica?endpoint=${azurite.endpoint}`,
      state: s3Url('drydock-state'),
    },
    repositories: (prefix) =>
      fixture.meta.repositories.map((repository) =>
        `${repository.prefix}kopia.repository`.replace('prod/', prefix),
      ),
    config: async (...lines) => {
      files += 1;
      const path = join(folder, `drydock-${files}.yaml`);
      await writeFile(path, `${lines.join('\n')}\n`);
      return path;
    },
    close: async () => {
      await Promise.all([s3.close(), bus.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A configuration of one route, with a bus. */
export function routeConfig(from: string, to: string, state: string): string[] {
  return [
    'version: 1',
    `state: ${state}`,
    'locations:',
    `  origin: { url: "${from}", layout: velero }`,
    `  replica: { url: "${to}", layout: velero }`,
    'replicate:',
    '  routes: [{ name: away, source: origin, target: replica }]',
    'events: { bus: drydock }',
  ];
}

/** A configuration of two locations to verify, with a bus. */
export function verifyConfig(first: string, second: string, state: string): string[] {
  return [
    'version: 1',
    `state: ${state}`,
    'locations:',
    `  first: { url: "${first}", layout: velero }`,
    `  second: { url: "${second}", layout: velero }`,
    'events: { bus: drydock }',
  ];
}
