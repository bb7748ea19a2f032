import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VERSION } from '../../functions/version.ts';
import { toolPath, toolVersion } from '../real/tools/tools.ts';
import type { Azurite } from '../support/azurite.ts';
import { installDrydock } from '../support/installed.ts';
import type { Command } from './measure.ts';
import { ACCESS_KEY, REGION, SECRET_KEY, type SourceServer } from './servers.ts';
import type { FilledWorkload } from './workloads.ts';

export const CONTAINER = 'bench';

/** Objects under way at once, the same for everybody. */
export const CONCURRENCY = 16;

/** One copy to be made: from the workload's bucket to an empty container. */
export interface Errand {
  readonly workload: FilledWorkload;
  readonly source: SourceServer;
  readonly target: Azurite;
  /** For state, caches and configuration; fresh for each run. */
  readonly folder: string;
}

export interface Contender {
  readonly name: string;
  readonly version: string;
  /** The command as it would be typed, places left out. */
  readonly flags: string;
  command(errand: Errand): Command | Promise<Command>;
}

const drydock: Contender = {
  name: 'drydock replicate',
  version: VERSION,
  flags: `drydock replicate s3://… azblob://… --layout kopia --concurrency ${CONCURRENCY}`,
  async command({ workload, source, target, folder }) {
    const launcher = await installDrydock(folder);
    await mkdir(join(folder, 'state'));
    const from = `s3://${workload.name}?region=${REGION}&endpoint=${source.endpoint}`;
    const to = `azblob://${target.account}/${CONTAINER}?endpoint=${target.endpoint}`;
    const how = ['--layout', 'kopia', '--concurrency', `${CONCURRENCY}`];
    return {
      program: process.execPath,
      args: [launcher, 'replicate', from, to, ...how, '--state', `file://${join(folder, 'state')}`],
      env: {
        ...basics(folder),
        AWS_ACCESS_KEY_ID: ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY: SECRET_KEY,
        AZURE_STORAGE_KEY: target.accountKey,
      },
    };
  },
};

function rclone(name: string, flags: readonly string[]): Contender {
  return {
    name,
    version: toolVersion('rclone'),
    flags: `rclone copy s3:… az:… ${flags.join(' ')}`,
    command: ({ workload, source, target, folder }) => ({
      program: toolPath('rclone'),
      args: ['copy', `s3:${workload.name}`, `az:${CONTAINER}`, ...flags],
      env: {
        ...basics(folder),
        RCLONE_CONFIG: join(folder, 'rclone.conf'),
        RCLONE_CONFIG_S3_TYPE: 's3',
        RCLONE_CONFIG_S3_PROVIDER: 'Other',
        RCLONE_CONFIG_S3_ENDPOINT: source.endpoint,
        RCLONE_CONFIG_S3_FORCE_PATH_STYLE: 'true',
        RCLONE_CONFIG_S3_ACCESS_KEY_ID: ACCESS_KEY,
        RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: SECRET_KEY,
        RCLONE_CONFIG_S3_REGION: REGION,
        RCLONE_CONFIG_AZ_TYPE: 'azureblob',
        RCLONE_CONFIG_AZ_ACCOUNT: target.account,
        RCLONE_CONFIG_AZ_KEY: target.accountKey,
        RCLONE_CONFIG_AZ_ENDPOINT: target.endpoint,
      },
    }),
  };
}

const kopia: Contender = {
  name: 'kopia repository sync-to',
  version: toolVersion('kopia'),
  flags: `kopia repository sync-to from-config --file … --parallel ${CONCURRENCY}`,
  async command({ workload, target, folder }) {
    const { host, port } = new URL(target.endpoint);
    const file = join(folder, 'azure.json');
    const config = {
      container: CONTAINER,
      storageAccount: target.account,
      storageKey: target.accountKey,
      storageDomain: `blob.localhost:${port}`,
      doNotUseTLS: true,
    };
    await writeFile(file, JSON.stringify({ storage: { type: 'azureBlob', config } }));
    return {
      program: toolPath('kopia'),
      args: [...['repository', 'sync-to', 'from-config'], '--file', file, ...PARALLEL],
      // Kopia puts the account into the host's name, which nothing here resolves: named as its
      // proxy, Azurite is asked directly all the same.
      env: { ...workload.kopiaEnv, HTTP_PROXY: `http://${host}` },
    };
  },
};
const PARALLEL = ['--parallel', `${CONCURRENCY}`] as const;

function basics(folder: string): Record<string, string> {
  return { HOME: folder, PATH: process.env['PATH'] ?? '' };
}

const TUNED = [
  ...['--transfers', `${CONCURRENCY}`, '--checkers', '64', '--fast-list', '--no-check-dest'],
  ...['--use-server-modtime', '--azureblob-upload-concurrency', '4'],
];

/** The first is ours, the second is what it is measured against. */
export function contenders(): readonly Contender[] {
  return [
    drydock,
    rclone('rclone copy, tuned', TUNED),
    rclone('rclone copy', ['--transfers', `${CONCURRENCY}`]),
    kopia,
  ];
}
