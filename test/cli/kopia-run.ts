import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { CliContext } from '../../functions/cli/context.ts';
import { run } from '../../functions/cli/program.ts';
import { colorsOf } from '../../functions/cli/terminal.ts';
import { systemClock } from '../../functions/system-clock.ts';
import type { Clock } from '../../shared/model/clock.ts';
import { fixtureInFolder } from '../support/fixture-stores.ts';
import { type Fixture, loadFixture } from '../support/fixtures.ts';
import type { Ended } from './drydock.ts';

export interface InProcess {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Called with each piece of stdout. */
  readonly onOutput?: (text: string) => void;
}

export interface RunEnded extends Ended {
  readonly bytes: Buffer;
}

export function kopia(args: readonly string[], options: InProcess = {}): Promise<RunEnded> {
  return inProcess(['kopia', ...args], options);
}

/** The command line in this process: as `drydock()`, without the seconds that a process takes. */
export async function inProcess(
  args: readonly string[],
  options: InProcess = {},
): Promise<RunEnded> {
  const [stdout, stderr] = [sink(options.onOutput), sink()];
  const context: CliContext = {
    env: options.env ?? {},
    clock: options.clock ?? systemClock,
    signal: options.signal ?? new AbortController().signal,
    stdout: stdout.stream,
    stderr: stderr.stream,
    colors: colorsOf(stdout.stream, {}),
    errorColors: colorsOf(stderr.stream, {}),
  };
  const code = await run(args, context);
  const bytes = Buffer.concat(stdout.pieces);
  return {
    code,
    bytes,
    stdout: bytes.toString('utf8'),
    stderr: Buffer.concat(stderr.pieces).toString('utf8'),
  };
}

function sink(onOutput?: (text: string) => void) {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    decodeStrings: true,
    write(piece: Buffer, _encoding, done) {
      pieces.push(Buffer.from(piece));
      onOutput?.(piece.toString('utf8'));
      done();
    },
  });
  return {
    pieces,
    stream: Object.assign(stream, { isTTY: false }) as unknown as NodeJS.WriteStream,
  };
}

export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'drydock-kopia-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A fixture as plain files, and what commands need to open its first repository. */
export interface FixtureFolder {
  readonly fixture: Fixture;
  readonly folder: string;
  /** Of the folder, as the command line takes it. */
  readonly root: string;
  /** Of the repository with this index in the fixture. */
  readonly url: (index?: number) => string;
  readonly env: Readonly<Record<string, string>>;
}

/** `isOfTest`: false where whoever asks removes the folder above it. */
export async function fixtureFolder(name: string, isOfTest = true): Promise<FixtureFolder> {
  const fixture = await loadFixture(name);
  const above = isOfTest
    ? await temporaryFolder()
    : await mkdtemp(join(tmpdir(), 'drydock-kopia-'));
  const folder = join(above, 'bucket');
  await mkdir(folder);
  await fixtureInFolder(fixture, folder);
  const { repositories } = fixture.meta;
  return {
    fixture,
    folder,
    root: `file://${folder}`,
    url: (index = 0) => `file://${folder}/${repositories[index]?.prefix ?? ''}`.replace(/\/$/, ''),
    env: { DRYDOCK_KOPIA_PASSWORD: repositories[0]?.password ?? '' },
  };
}
