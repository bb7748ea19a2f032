/** Our command line as it is built and installed, on a repository in a bucket. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLES, bundle } from '../../../infra/build/bundle.ts';
import { describeTree } from '../../fixtures/kopia-answers.ts';
import { installDrydock } from '../../support/installed.ts';
import type { Tree } from '../replica/kopia.ts';
import { slots } from '../replica/slots.ts';

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const LONGEST_COMMAND_MS = 120_000;

/** More processes at once than this only wait for each other on a small machine. */
const inSlot = slots(3);

/** A command line's answer; `json` is what it printed with `--output json`. */
export interface Answer {
  readonly code: number;
  readonly json: Record<string, unknown>;
}

export interface Access {
  readonly url: string;
  readonly password: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The command below `node_modules` of a folder of its own, where Node runs no sources. */
export class InstalledDrydock {
  readonly #folder: string;
  readonly #launcher: string;

  private constructor(folder: string, launcher: string) {
    this.#folder = folder;
    this.#launcher = launcher;
  }

  /** Bundles it anew. */
  static async install(): Promise<InstalledDrydock> {
    for (const one of BUNDLES.filter(({ name }) => name === 'cli')) await bundle(one);
    const folder = await mkdtemp(join(tmpdir(), 'drydock-installed-'));
    return new InstalledDrydock(folder, await installDrydock(folder));
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** `drydock kopia <words>` on a repository; whatever its exit code, it must print JSON. */
  kopia(access: Access, command: string, ...words: string[]): Promise<Answer> {
    const args = [this.#launcher, 'kopia', command, access.url, ...words, '--output', 'json'];
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.#folder,
      NODE_COMPILE_CACHE: join(this.#folder, 'compiled'),
      NO_PROXY: '127.0.0.1',
      DRYDOCK_KOPIA_PASSWORD: access.password,
      ...access.env,
    };
    const options = { env, maxBuffer: OUTPUT_BYTES_MAX, timeout: LONGEST_COMMAND_MS };
    return inSlot(
      () =>
        new Promise((resolve, reject) => {
          execFile(process.execPath, args, options, (error, stdout, stderr) => {
            const code = error === null ? 0 : error.code;
            try {
              resolve({ code: Number(code), json: JSON.parse(stdout) as Answer['json'] });
            } catch {
              reject(new Error(`drydock kopia ${command} ended with ${code}: ${stderr}`));
            }
          });
        }),
    );
  }

  /**
   * What a restore of the snapshot leaves in a folder, with the hashes of all files, and the paths of
   * which it has something to say.
   */
  async restore(access: Access, snapshot: string): Promise<{ tree: Tree; told: Set<string> }> {
    const folder = await mkdtemp(join(this.#folder, 'restored-'));
    const { code, json } = await this.kopia(access, 'restore', snapshot, folder);
    const problems = (json['problems'] ?? []) as readonly { readonly path: string }[];
    if (code !== (problems.length > 0 ? 1 : 0)) {
      throw new Error(`drydock kopia restore ended with ${code}: ${JSON.stringify(json)}`);
    }
    const tree = await describeTree(folder);
    await rm(folder, { recursive: true });
    return { tree, told: new Set(problems.map(({ path }) => path)) };
  }
}
