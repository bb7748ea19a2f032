import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { blobClientSettings } from '../../shared/stores/blob-client.ts';

/** The account of every Azure emulator and its key, both published by Microsoft. */
export const EMULATOR_ACCOUNT = 'devstoreaccount1';
export const EMULATOR_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  /** With the account in its path, as emulators have it: `http://127.0.0.1:<port>/<account>`. */
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
  /** A client that asks once; `endpoint` leads it elsewhere, `accountKey` is the right one. */
  container(name: string, options?: { endpoint?: string; accountKey?: string }): ContainerClient;
  /** Ends the server gently, so that what it wrote to disk is whole, and removes its folder. */
  close(): Promise<void>;
}

export interface AzuriteOptions {
  /** Keeps the objects on disk, in a temporary folder, for more than the memory may hold. */
  readonly onDisk?: boolean;
}

/** Ends Azurite by the signal that it takes for "close" as soon as whoever started it is gone. */
const END_WITH_PARENT =
  "data:text/javascript,process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM')).resume().unref()";

const START_TIMEOUT_MS = 30_000;

/** Microsoft's emulator of Blob storage. */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const { origin, close } = await startEmulator('blob', options);
  return { ...accountAt(origin, EMULATOR_ACCOUNT), close };
}

/** Accounts that Azurite has beside its own, for those who share it. */
const SHARED_ACCOUNTS = Array.from({ length: 64 }, (_, at) => `drydocktest${at}`);
let shared: ReturnType<typeof startEmulator> | undefined;

/**
 * An empty account of one Azurite that all files of a worker share, since its start takes a second.
 * It ends with the worker. For little data: all of it stays in memory.
 */
export async function azuriteAccount(): Promise<Omit<Azurite, 'close'>> {
  shared ??= startEmulator('blob');
  const account = SHARED_ACCOUNTS.shift();
  if (account === undefined) throw new Error('Cannot share Azurite: no account of it is left');
  return accountAt((await shared).origin, account);
}

function accountAt(origin: string, account: string): Omit<Azurite, 'close'> {
  const endpoint = `${origin}/${account}`;
  return {
    endpoint,
    account,
    accountKey: EMULATOR_KEY,
    container: (name, other = {}) =>
      new ContainerClient(
        `${other.endpoint ?? endpoint}/${name}`,
        new StorageSharedKeyCredential(account, other.accountKey ?? EMULATOR_KEY),
        blobClientSettings(other.endpoint ?? endpoint),
      ),
  };
}

/** One service of Azurite, as a child process on a free loopback port. */
export async function startEmulator(
  service: 'blob' | 'queue',
  options: AzuriteOptions = {},
): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const folder = options.onDisk ? await mkdtemp(join(tmpdir(), 'drydock-azurite-')) : undefined;
  const accounts = [EMULATOR_ACCOUNT, ...SHARED_ACCOUNTS];
  const main = createRequire(import.meta.url).resolve(`azurite/dist/src/${service}/main.js`);
  const child = spawn(
    process.execPath,
    [
      ...['--import', END_WITH_PARENT, main],
      ...[`--${service}Host`, '127.0.0.1', `--${service}Port`, '0'],
      // The SDK speaks a newer version of the protocol than Azurite knows.
      ...['--silent', '--skipApiVersionCheck', '--disableTelemetry'],
      ...(service === 'blob' ? ['--blobKeepAliveTimeout', '60'] : []),
      ...(folder === undefined ? ['--inMemoryPersistence'] : ['--location', folder]),
    ],
    {
      cwd: folder ?? tmpdir(),
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        AZURITE_ACCOUNTS: accounts.map((one) => `${one}:${EMULATOR_KEY}`).join(';'),
      },
    },
  );
  const close = async (): Promise<void> => {
    await ended(child);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    return { origin: await address(child), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => fail('says nothing'), START_TIMEOUT_MS);
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(new Error(`Cannot start Azurite: it ${what}: ${said}`));
    };
    const hear = (chunk: Buffer): void => {
      said = `${said}${chunk}`.slice(-4000);
      const url = /successfully listens on (http\S+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  // Its end is the signal (see above); an open pipe would keep the process after a signal of ours.
  child.stdin?.end();
  await exit;
}
