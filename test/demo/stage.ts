import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type FakeEc2, fakeEc2 } from '../support/fake-ec2.ts';
import { fixtureOnServer } from '../support/fixture-stores.ts';
import { type Fixture, listFixtures, loadFixture } from '../support/fixtures.ts';
import { type S3Server, startS3Server } from '../support/s3-server/server.ts';

/** The tests have one that is built already, and starts in half the time. */
const PROGRAM =
  process.env['DRYDOCK_TEST_LAUNCHER'] ??
  join(import.meta.dirname, '../../functions/cli/drydock.mjs');

/** A run of the command line: how it ended, and what it said where that was asked for. */
export interface CliRun {
  /** Absent when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly seconds: number;
}

export interface CliOptions {
  /** `show` leaves stdout and stderr to the terminal; `take` keeps stdout and drops the rest. */
  readonly output: 'show' | 'take';
  /** Given the running process, so that the demo can kill it. */
  readonly during?: (kill: () => void) => Promise<void>;
}

/** The two clouds on this machine, with a bucket of real backups in one of them. */
export interface Stage {
  readonly fixture: Fixture;
  /** The root of the backups in the bucket, empty or with a trailing slash. */
  readonly root: string;
  readonly server: S3Server;
  readonly azurite: Azurite;
  /** Knows the disk snapshots that the backups name. */
  readonly ec2: FakeEc2;
  /** Where commands run: a drydock.yaml in it is theirs. */
  readonly home: string;
  /** URLs as the command line takes them. */
  readonly s3Url: (bucket: string) => string;
  readonly blobUrl: (container: string) => string;
  /** Where leases are kept, for every replicator to see. */
  readonly stateUrl: string;
  run(args: readonly string[], options: CliOptions): Promise<CliRun>;
  /** Ends everything that was started and removes every file. May be called twice. */
  close(): Promise<void>;
}

export const PRODUCTION = 'production';
const STATE = 'drydock-state';

/** Starts both servers and loads the newest Velero root that there is among the fixtures. */
export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-demo-'));
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll(closers);
    return closing;
  };
  try {
    const fixture = await loadFixture(listFixtures('velero').at(-1) ?? 'velero');
    const server = await startS3Server();
    closers.push(server.close);
    const azurite = await startAzurite();
    closers.push(azurite.close);
    const ec2 = await fakeEc2({ snapshots: diskSnapshots(fixture) });
    closers.push(ec2.close);
    server.createBucket(PRODUCTION);
    server.createBucket(STATE);
    await fixtureOnServer(fixture, server, PRODUCTION);
    const home = join(folder, 'home');
    await mkdir(home);
    const root = /^(.*?)(?:kopia|backups)\//.exec(fixture.objects[0]?.key ?? '')?.[1] ?? '';
    const path = root === '' ? '' : `/${root.replace(/\/$/, '')}`;
    return {
      fixture,
      root,
      server,
      azurite,
      ec2,
      home,
      s3Url: (bucket) => `s3://${bucket}${path}?endpoint=${server.endpoint}`,
      blobUrl: (container) =>
        `azblob://${azurite.account}/${container}${path}?endpoint=${azurite.endpoint}`,
      stateUrl: `s3://${STATE}?endpoint=${server.endpoint}`,
      run: (args, options) => runCli(args, environment(home, server, azurite), options, closers),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** As EC2 answered when the backups were made. */
function diskSnapshots(fixture: Fixture): readonly { readonly id: string }[] {
  const answers = fixture.answer('answers/cloud', 'snapshots');
  return (answers as readonly { readonly SnapshotId: string }[]).map(({ SnapshotId: id }) => ({
    id,
  }));
}

async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const closer of closers.splice(0).reverse()) await closer();
}

/** Nothing of the user's own settings or accounts reaches the demo. */
function environment(home: string, server: S3Server, azurite: Azurite): NodeJS.ProcessEnv {
  const kept = ['PATH', 'TERM', 'NO_COLOR', 'SYSTEMROOT', 'TMPDIR', 'TEMP', 'TMP'];
  return {
    ...Object.fromEntries(kept.flatMap((name) => [[name, process.env[name]]])),
    // Two dozen runs of the same sources: the first one compiles for all.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(home, '.cache'),
    HOME: home,
    USERPROFILE: home,
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    AZURE_STORAGE_KEY: azurite.accountKey,
  };
}

/** Wraps lines and shows the cursor again, which a killed progress bar cannot see to itself. */
const AFTER_A_BAR = '\u001b[?7h\u001b[?25h\n';

async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { output, during }: CliOptions,
  closers: (() => Promise<void>)[],
): Promise<CliRun> {
  const started = performance.now();
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: env['HOME'],
    env,
    stdio: output === 'show' ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  closers.push(stop);
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  try {
    await during?.(() => child.kill('SIGKILL'));
    const [code, signal] = await ended;
    if (signal === 'SIGKILL' && process.stderr.isTTY) process.stderr.write(AFTER_A_BAR);
    return { code, signal, stdout, seconds: (performance.now() - started) / 1000 };
  } finally {
    await stop();
    const at = closers.indexOf(stop);
    if (at >= 0) closers.splice(at, 1);
  }
}
