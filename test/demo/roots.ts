import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Retold, retold } from './aged.ts';
import type { Stage } from './stage.ts';

/** The scheduled backups of the fixture, older first: their volumes are two states of the data. */
const SCHEDULED = ['frequent-20261121105415', 'frequent-20261121105615'] as const;
const SCHEDULE = 'frequent';
const HOUR_MS = 3_600_000;
const EVERY_HOURS = 6;
/** A moment after it was due, as the server's poll has it. */
const TAKEN_AFTER_MS = 1000;

/** Buckets, which are also the names of the locations. */
export const HEALTHY = 'healthy';
export const PARTLY_FAILED = 'partly-failed';
export const MISSED = 'missed';
export const DAMAGED = 'damaged';
export const VANISHED = 'vanished';
/** The container that HEALTHY is replicated to. */
export const OTHER_CLOUD = 'other-cloud';

/** The backups of a location, with names and times of the last days. */
export interface Root {
  /** By age in hours: 1, 7, 13, 19. */
  readonly scheduled: ReadonlyMap<number, string>;
}

/** Counted from the demo backwards, so that its ages are the same at any time of the day. */
export interface Times {
  readonly hoursAgo: (hours: number) => Date;
  /** Every six hours, the last time one hour ago. */
  readonly cron: string;
}

export function timesOf(now: Date): Times {
  const minute = new Date(now);
  minute.setUTCSeconds(0, 0);
  const hoursAgo = (hours: number): Date => new Date(minute.getTime() - hours * HOUR_MS);
  const last = hoursAgo(1);
  const first = last.getUTCHours() % EVERY_HOURS;
  const hours = [0, 1, 2, 3].map((slot) => first + slot * EVERY_HOURS);
  return { hoursAgo, cron: `${last.getUTCMinutes()} ${hours.join(',')} * * *` };
}

/** Five small roots and a drydock.yaml that names them: what went wrong in each is its name. */
export async function openRoots(stage: Stage, times: Times): Promise<void> {
  const manual = (model: string, name: string, hours: number): Retold => ({
    model,
    name,
    startedAt: times.hoursAgo(hours),
  });
  const all = scheduled(times, [19, 13, 7, 1]);
  await fill(stage, HEALTHY, [
    ...all,
    manual('archive-native', 'archive-by-hand', 4),
    manual('media-moved', 'media-by-hand', 5),
  ]);
  await fill(stage, PARTLY_FAILED, [
    ...all,
    manual('shop-failing-hook', 'shop-before-upgrade', 1 / 3),
  ]);
  await fill(stage, MISSED, scheduled(times, [19, 13, 1]));
  await fill(stage, DAMAGED, all);
  await fill(stage, VANISHED, all);
  await writeFile(join(stage.home, 'drydock.yaml'), configuration(stage, times));
}

/** The name of the backup of a slot, as the Velero server makes it. */
export function slotName({ hoursAgo }: Times, hours: number): string {
  const digits = hoursAgo(hours).toISOString().replaceAll(/\D/g, '');
  return `${SCHEDULE}-${digits.slice(0, 14)}`;
}

function scheduled(times: Times, ages: readonly number[]): readonly Retold[] {
  return ages.map((hours) => ({
    model: SCHEDULED[hours > 2 * EVERY_HOURS ? 0 : 1],
    name: slotName(times, hours),
    startedAt: new Date(times.hoursAgo(hours).getTime() + TAKEN_AFTER_MS),
  }));
}

/** The repositories are the real ones, bytes and times; those of namespaces that no backup takes stay away. */
async function fill(stage: Stage, bucket: string, backups: readonly Retold[]): Promise<void> {
  const { fixture, root, server } = stage;
  const moved = backups.some(({ model }) => model === 'media-moved');
  server.createBucket(bucket);
  for (const { key, lastModified, bytes } of fixture.objects) {
    const path = key.slice(root.length);
    if (!path.startsWith('kopia/') || (path.startsWith('kopia/media/') && !moved)) continue;
    await server.putObject(bucket, path, await bytes(), { lastModified });
  }
  for (const backup of backups) {
    for (const { path, bytes, lastModified } of await retold(fixture, root, backup)) {
      await server.putObject(bucket, path, bytes, { lastModified });
    }
  }
}

function configuration(stage: Stage, { cron }: Times): string {
  const { server, azurite, ec2, stateUrl } = stage;
  const snapshots = `{ aws: { account: "123456789012", region: us-east-1, endpoint: "${ec2.url}" } }`;
  const buckets = [HEALTHY, PARTLY_FAILED, MISSED, DAMAGED, VANISHED];
  const place = `${azurite.account}/${OTHER_CLOUD}?endpoint=${azurite.endpoint}`;
  return [
    'version: 1',
    `state: "${stateUrl}"`,
    'locations:',
    ...buckets.flatMap((name) => [
      `  ${name}:`,
      `    url: "s3://${name}?endpoint=${server.endpoint}"`,
      `    snapshots: ${snapshots}`,
    ]),
    `  ${OTHER_CLOUD}: { url: "azblob://${place}" }`,
    'verify:',
    '  schedules:',
    ...buckets.map((name) => `    - { name: ${SCHEDULE}, location: ${name}, cron: "${cron}" }`),
    'replicate:',
    '  routes:',
    `    - { name: offsite, source: ${HEALTHY}, target: ${OTHER_CLOUD} }`,
    '',
  ].join('\n');
}
