/** A tool that knows nothing of Kopia lists both sides of a replica: sizes and MD5 of the bytes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseBlobName } from '../../shared/kopia/blob-names.ts';
import { BUCKET_KEYS } from '../fixtures/bucket.ts';
import { systemClock } from '../support/clock.ts';
import { loadFixture } from '../support/fixtures.ts';
import { runRoute } from '../support/replicate.ts';
import { DIRECTIONS, Places, type StoreKind } from './replica/places.ts';
import { placeRoot, rootsOf } from './replica/roots.ts';
import { toolPath } from './tools/tools.ts';

const run = promisify(execFile);

/** What stays behind: marks of running writers, and logs. */
const STAYS = ['session', 'log'];

let places: Places;
beforeAll(async () => {
  places = await Places.start();
});
afterAll(() => places?.close());

test.each(DIRECTIONS)('rclone finds the same bytes in $source and $target', async (direction) => {
  const fixture = await loadFixture('kopia/velero-like');
  const [root] = rootsOf(fixture);
  if (root === undefined) throw new Error('the fixture has no repository');
  const source = await places.store(direction.source, 'source');
  const target = await places.store(direction.target, 'replica');
  await placeRoot(source, direction.source, fixture, root);
  await runRoute(source, target, { config: { layout: root.layout }, clock: systemClock });

  const there = await listed(direction.source, 'source');
  const travelled = there.filter(({ path }) => !STAYS.includes(kindOf(path)));
  expect(travelled.length).toBeGreaterThan(20);
  expect(await listed(direction.target, 'replica')).toEqual(travelled);
});

const kindOf = (path: string): string => parseBlobName(path.split('/').at(-1) ?? '').kind;

interface Entry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly md5: string | undefined;
}

/** Every object below `prefix`, by path. The MD5 is of the bytes as rclone downloads them. */
async function listed(kind: StoreKind, prefix: string): Promise<readonly Entry[]> {
  const place = `${kind}:backups/${prefix}`;
  const sizes = await rclone('lsf', '-R', '--files-only', '--format', 'sp', place);
  const hashes = await rclone('hashsum', 'MD5', '--download', place);
  const md5s = new Map(hashes.map((line) => [line.slice(34), line.slice(0, 32)]));
  return sizes
    .map((line) => {
      const [size = '', path = ''] = line.split(';');
      return { path, sizeBytes: Number(size), md5: md5s.get(path) };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function rclone(...args: string[]): Promise<readonly string[]> {
  const { stdout } = await run(toolPath('rclone'), args, { env: rcloneEnv() });
  return stdout.split('\n').filter((line) => line !== '');
}

/** The two servers as remotes `S3` and `Blob`, and no configuration of this machine's user. */
function rcloneEnv(): NodeJS.ProcessEnv {
  const { bucket, azurite, folder } = places;
  return {
    HOME: folder,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: 'Other',
    RCLONE_CONFIG_S3_REGION: 'us-east-1',
    RCLONE_CONFIG_S3_FORCE_PATH_STYLE: 'true',
    RCLONE_CONFIG_S3_ENDPOINT: `http://${bucket.endpoint}`,
    RCLONE_CONFIG_S3_ACCESS_KEY_ID: BUCKET_KEYS.accessKeyId,
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: BUCKET_KEYS.secretAccessKey,
    RCLONE_CONFIG_BLOB_TYPE: 'azureblob',
    RCLONE_CONFIG_BLOB_ACCOUNT: azurite.account,
    RCLONE_CONFIG_BLOB_KEY: azurite.accountKey,
    RCLONE_CONFIG_BLOB_ENDPOINT: azurite.endpoint,
  };
}
