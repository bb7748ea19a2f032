import { VERSION } from '../../functions/version.ts';
import { toolPath, toolVersion } from '../real/tools/tools.ts';
import { installDrydock } from '../support/installed.ts';
import type { Command, Measured } from './measure.ts';
import { bulkRepository, connectCold, type Repository, randomRepository } from './repositories.ts';
import { ACCESS_KEY, REGION, SECRET_KEY, type SourceServer } from './servers.ts';

const GIB = 1024 * 1024 * 1024;

/** One verification to be made, with nothing kept from another one. */
interface Errand {
  readonly repository: Repository;
  readonly server: SourceServer;
  /** Fresh for each run. */
  readonly folder: string;
}

export interface Verifier {
  readonly name: string;
  readonly version: string;
  /** The command as it would be typed, places left out. */
  readonly flags: string;
  command(errand: Errand): Promise<Command>;
}

/** A repository, and who verifies it; the first is ours, the others together do its work. */
export interface VerificationWorkload {
  /** Also the bucket. */
  readonly name: string;
  readonly title: string;
  readonly describes: string;
  readonly verifiers: readonly Verifier[];
  /** Of all objects, for what room is needed. */
  readonly sizeBytes: number;
  /** Bytes that are read and hashed; absent where only the structure is looked at. */
  readonly hashedBytes?: number;
  fill(server: SourceServer, made: string): Promise<Repository>;
}

/** The runs of one verifier. */
export interface VerificationSeries {
  readonly verifier: Verifier;
  readonly runs: readonly Measured[];
}

function drydock(level: 'structure' | 'content'): Verifier {
  const flags = ['--level', level];
  return {
    name: `drydock kopia verify, ${level}`,
    version: VERSION,
    flags: `drydock kopia verify s3://… ${flags.join(' ')}`,
    async command({ repository, server, folder }) {
      const { bucket, prefix, password } = repository;
      const launcher = await installDrydock(folder);
      const where = `s3://${bucket}/${prefix}?region=${REGION}&endpoint=${server.endpoint}`;
      return {
        program: process.execPath,
        args: [launcher, 'kopia', 'verify', where, ...flags],
        env: {
          HOME: folder,
          PATH: process.env['PATH'] ?? '',
          AWS_ACCESS_KEY_ID: ACCESS_KEY,
          AWS_SECRET_ACCESS_KEY: SECRET_KEY,
          DRYDOCK_KOPIA_PASSWORD: password,
        },
      };
    },
  };
}

function kopia(...words: readonly string[]): Verifier {
  return {
    name: `kopia ${words.join(' ')}`,
    version: toolVersion('kopia'),
    flags: `kopia ${words.join(' ')}`,
    command: async ({ repository, server, folder }) => ({
      program: toolPath('kopia'),
      args: words,
      env: await connectCold(repository, server, folder),
    }),
  };
}

function structure(name: string, contents: number, others: readonly Verifier[]) {
  const title = `${contents.toLocaleString('en')} contents of 200 to 400 bytes`;
  const describes = `The structure of a repository of ${title}, each a file of one snapshot in folders of 1,000.`;
  const fill = (server: SourceServer, made: string): Promise<Repository> =>
    bulkRepository(contents, name, server, made);
  const verifiers = [drydock('structure'), ...others];
  return { name, title, describes, verifiers, sizeBytes: contents * 430, fill };
}

function content(name: string, hashedBytes: number): VerificationWorkload {
  const title = `${(hashedBytes / GIB).toFixed(2).replace('.00', '')} GiB of contents`;
  return {
    name,
    title,
    describes: `Every byte of a repository of ${title}, which Kopia made of random bytes in its default algorithms.`,
    verifiers: [drydock('content'), kopia('content', 'verify', '--full')],
    sizeBytes: hashedBytes,
    hashedBytes,
    fill: (server, made) => randomRepository(hashedBytes, name, server, made),
  };
}

const STRUCTURE_OF_KOPIA = () => [kopia('content', 'verify'), kopia('snapshot', 'verify')];

export function verificationWorkloads(quick: boolean): readonly VerificationWorkload[] {
  return quick
    ? [structure('structure', 20_000, STRUCTURE_OF_KOPIA()), content('content', GIB / 8)]
    : [
        structure('structure', 1_000_000, STRUCTURE_OF_KOPIA()),
        structure('ten-million', 10_000_000, []),
        content('content', 4 * GIB),
      ];
}
