/** The released Kopia on a repository in a bucket or container; no client knows what another saw. */
import { type ExecFileException, execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeTree, type RestoredEntry } from '../../fixtures/kopia-answers.ts';
import { toolPath } from '../tools/tools.ts';
import { slots } from './slots.ts';

/** How Kopia reaches a repository; see `places.ts`. */
export interface KopiaPlace {
  /** What follows `kopia repository connect`; a provider's own flags, or `from-config`. */
  readonly provider: readonly string[];
  /** For `from-config`: the content of the file. */
  readonly config?: unknown;
  readonly env: Readonly<Record<string, string>>;
}

export interface KopiaOptions {
  readonly password: string;
  /** Name of the row in test/real/tools/pins.ts; by default the newest. */
  readonly tool?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface Identity {
  readonly username: string;
  readonly hostname: string;
}

/** The command failed; the message is what Kopia said last. */
export class KopiaError extends Error {
  readonly stderr: string;
  /** It gave no answer in time and was stopped. */
  readonly isStopped: boolean;

  constructor(args: readonly string[], error: ExecFileException, stderr: string) {
    super(lastWords(stderr) || `kopia ${args[0]} ${args[1] ?? ''}: ${error.message}`);
    this.name = 'KopiaError';
    this.stderr = stderr;
    this.isStopped = error.killed === true;
  }
}

export interface Snapshot {
  readonly id: string;
  readonly [member: string]: unknown;
}

export type Tree = readonly RestoredEntry[];

const LONGEST_COMMAND_MS = 120_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** More processes at once than this only wait for each other on a small machine. */
const inSlot = slots(3);

export class Kopia {
  readonly #place: KopiaPlace;
  readonly #options: KopiaOptions;
  readonly #home: string;
  #password: string;

  private constructor(place: KopiaPlace, options: KopiaOptions, home: string) {
    this.#place = place;
    this.#options = options;
    this.#home = home;
    this.#password = options.password;
  }

  /** A reader with an empty cache. Throws `KopiaError` when Kopia refuses to connect. */
  static connect(place: KopiaPlace, options: KopiaOptions): Promise<Kopia> {
    return Kopia.#attach(place, options, 'connect', ['--readonly']);
  }

  /** A client that makes the repository, or finds it made, and may write to it. */
  static write(
    place: KopiaPlace,
    options: KopiaOptions & { readonly identity: Identity },
    verb: 'create' | 'connect',
    flags: readonly string[] = [],
  ): Promise<Kopia> {
    const { username, hostname } = options.identity;
    const who = ['--override-username', username, '--override-hostname', hostname];
    return Kopia.#attach(place, options, verb, [...who, ...flags]);
  }

  static async #attach(
    place: KopiaPlace,
    options: KopiaOptions,
    verb: 'connect' | 'create',
    flags: readonly string[],
  ): Promise<Kopia> {
    const home = await mkdtemp(join(tmpdir(), 'drydock-kopia-'));
    const kopia = new Kopia(place, options, home);
    const [provider = '', ...where] = place.provider;
    const config = join(home, 'provider.json');
    await writeFile(config, JSON.stringify(place.config ?? {}));
    const file = provider === 'from-config' ? ['--file', config] : [];
    try {
      await kopia.run('repository', verb, provider, ...file, ...where, ...flags);
      return kopia;
    } catch (error) {
      await kopia.close();
      throw error;
    }
  }

  /** Runs a command; answers with its standard output. */
  run(...args: string[]): Promise<string> {
    const { timeoutMs = LONGEST_COMMAND_MS } = this.#options;
    const options = { cwd: this.#home, env: this.#env(), timeout: timeoutMs };
    const limits = { maxBuffer: OUTPUT_BYTES_MAX, killSignal: 'SIGKILL' as const };
    return inSlot(
      () =>
        new Promise((resolve, reject) => {
          const path = toolPath(this.#options.tool ?? 'kopia');
          execFile(path, args, { ...options, ...limits }, (error, stdout, stderr) => {
            if (error === null) resolve(stdout);
            else reject(new KopiaError(args, error, stderr));
          });
        }),
    );
  }

  async json(...args: string[]): Promise<unknown> {
    return JSON.parse(await this.run(...args, '--json'));
  }

  /** All snapshots, also those that were not finished. */
  async snapshots(): Promise<readonly Snapshot[]> {
    return (await this.json('snapshot', 'list', '--all', '--incomplete')) as Snapshot[];
  }

  /** Reads every file of every snapshot. */
  async verify(): Promise<void> {
    await this.run('snapshot', 'verify', '--verify-files-percent=100');
  }

  /** What a restore of the snapshot leaves in a folder, with the hashes of all files. */
  async restore(id: string): Promise<Tree> {
    const folder = join(this.#home, 'restored', id);
    await mkdir(join(this.#home, 'restored'), { recursive: true });
    await this.run('restore', id, folder, '--skip-owners');
    const tree = await describeTree(folder);
    await rm(folder, { recursive: true });
    return tree;
  }

  /** Restores every snapshot that is listed. */
  async restoreAll(): Promise<Readonly<Record<string, Tree>>> {
    const listed = await this.snapshots();
    const trees = listed.map(async ({ id }) => [id, await this.restore(id)] as const);
    return Object.fromEntries(await Promise.all(trees));
  }

  async changePassword(password: string): Promise<void> {
    await this.run('repository', 'change-password', `--new-password=${password}`);
    this.#password = password;
  }

  /** Empties the cache: Kopia otherwise verifies what it has kept. */
  async forget(): Promise<void> {
    await rm(join(this.#home, 'cache'), { recursive: true, force: true });
  }

  /** Removes the configuration and the cache of this client. */
  async close(): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }

  #env(): NodeJS.ProcessEnv {
    return {
      PATH: '/usr/bin:/bin',
      HOME: this.#home,
      TZ: 'UTC',
      KOPIA_PASSWORD: this.#password,
      KOPIA_CONFIG_PATH: join(this.#home, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(this.#home, 'cache'),
      KOPIA_LOG_DIR: join(this.#home, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
      KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: 'true',
      KOPIA_UPGRADE_LOCK_ENABLED: 'true',
      KOPIA_REPO_UPGRADE_NO_BLOCK: 'true',
      ...this.#place.env,
    };
  }
}

/** The last line in which Kopia speaks of an error, as the fixtures' records keep it. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? '';
}
