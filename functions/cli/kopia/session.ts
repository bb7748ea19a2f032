import type { Config } from '../../../shared/config/config.ts';
import { locationName } from '../../../shared/config/location.ts';
import { didYouMean } from '../../../shared/config/nearest.ts';
import {
  listRepositories,
  openRepository,
  type Repository,
} from '../../../shared/kopia/repository.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { metered } from '../../../shared/stores/metered.ts';
import { readOnly } from '../../../shared/stores/read-only.ts';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import { totalsMeter } from '../../../shared/telemetry/meter.ts';
import { type Password, passwordFor, wrongPassword } from '../../kopia-password.ts';
import { openStore } from '../../stores.ts';
import { optionalConfig } from '../config-file.ts';
import { type CliContext, cliLogger } from '../context.ts';
import { limitOf } from '../limit.ts';
import type { GlobalOptions } from '../options.ts';
import { type NamedPlace, placeWithin } from '../place.ts';
import { type CliProgress, cliProgress } from '../progress.ts';

/** Options that every command of `drydock kopia` has. */
export interface KopiaOptions extends GlobalOptions {
  readonly password?: string;
  readonly repository?: string;
}

/** What a command of `drydock kopia` works with: one location, and the repositories meant. */
export interface Session {
  readonly context: CliContext;
  readonly config: Config | undefined;
  readonly place: NamedPlace;
  /** For messages, without credentials. */
  readonly location: string;
  /** The right to look, and no other one. */
  readonly reader: ObjectReader;
  /** What was asked of the store so far. */
  readonly requests: () => Readonly<Record<string, number>>;
  /** Of the repositories, each empty or with a trailing slash; never none. */
  readonly prefixes: readonly string[];
  readonly password: Password;
  readonly progress: CliProgress;
  readonly log: Logger;
  /** Logs a warning unless `key` was warned of before. */
  readonly warnOnce: (key: string, message: string) => void;
  /** Aborted by the user, and by `--deadline` for commands that do not watch it themselves. */
  readonly signal: AbortSignal;
}

/**
 * Opens the location that an argument names for `work`, and leaves the terminal as it was.
 * `watchesDeadline`: the command ends itself in good order when `--deadline` comes.
 */
export async function withSession<T>(
  text: string,
  options: KopiaOptions,
  context: CliContext,
  work: (session: Session) => Promise<T>,
  watchesDeadline = false,
): Promise<T> {
  const config = await optionalConfig(options.config);
  const place = placeWithin(text, config);
  const password = await passwordFor(options.password, place.repositoryPassword, context.env);
  const progress = cliProgress(context.stderr, context.clock.now);
  const log = cliLogger(progress, context.errorColors);
  const deadline = watchesDeadline ? undefined : options.deadline;
  const limit = limitOf(deadline, context.signal);
  const { env, clock } = context;
  const meter = totalsMeter();
  try {
    const store = await openStore(place, { env, clock, log, signal: limit.signal });
    const reader = readOnly(metered(store, meter, 'store'));
    const location = locationName(place.location);
    const prefixes = await prefixesFor(reader, location, options.repository, limit.signal);
    return await work({
      context,
      config,
      place,
      location,
      reader,
      requests: () => meter.totals(),
      prefixes,
      password,
      progress,
      log,
      warnOnce: once(log),
      signal: limit.signal,
    });
  } catch (error) {
    throw nothingHere(error, locationName(place.location));
  } finally {
    limit.clear();
    progress.end();
  }
}

function once(log: Logger): Session['warnOnce'] {
  const warned = new Set<string>();
  return (key, message) => {
    if (!warned.has(key)) log.log('warning', message);
    warned.add(key);
  };
}

/** A place without a repository may be meant as a Velero root. */
function nothingHere(error: unknown, location: string): unknown {
  if (!(error instanceof DrydockError) || error.code !== 'NOT_A_REPOSITORY') return error;
  if (!error.message.startsWith(`Cannot open "${location}/"`)) return error;
  return new DrydockError(error.failure, error.code, error.message, {
    hint: 'Name the folder that holds kopia.repository, or the Velero root that holds kopia/',
    cause: error,
  });
}

async function prefixesFor(
  reader: ObjectReader,
  location: string,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await listRepositories(reader, '', { signal });
  if (wanted === undefined) return found;
  const name = shortName(wanted);
  const chosen = found.filter((prefix) => shortName(prefix) === name);
  if (chosen.length > 0) return chosen;
  const known = found.map(shortName).filter((each) => each !== '');
  const all =
    known.length === 0 ? 'Leave --repository out: there is one' : `It has ${known.join(', ')}`;
  const near = didYouMean(name, known);
  const message = `Cannot use --repository "${wanted}": "${location}" has no such repository`;
  throw new DrydockError('usage', 'REPOSITORY_UNKNOWN', message, {
    hint: near === undefined ? all : `${near} ${all}`,
  });
}

/** What `--repository` takes: the namespace, for `kopia/shop/` as for `shop`. */
export function shortName(prefix: string): string {
  return prefix.replace(/\/+$/, '').replace(/^kopia\//, '');
}

/** Where a repository lies, for messages. */
export function repositoryUrl({ location }: Pick<Session, 'location'>, prefix: string): string {
  return prefix === '' ? location : `${location}/${prefix.replace(/\/$/, '')}`;
}

/**
 * Opens one repository of the session. A password that everybody knows is warned of, and so is
 * damage that may hide snapshots or files.
 */
export async function openAt(session: Session, prefix: string): Promise<Repository> {
  const { reader, signal, progress, log, prefixes } = session;
  const name = shortName(prefix) || 'repository';
  const repository = await tryPasswords(session, prefix, (value) =>
    openRepository(reader, prefix, value, {
      signal,
      onProgress: (stage, objectsDone, objectsAll) =>
        progress.update({
          stage: `${name}: ${stage}`,
          objectsDone,
          objectsAll,
          bytesDone: 0,
          bytesAll: 0,
        }),
    }),
  );
  const { format } = repository;
  if (format.defaultPassword) {
    const which = prefixes.length === 1 ? '' : ', and maybe others,';
    const url = repositoryUrl(session, prefix);
    session.warnOnce(
      'KOPIA_DEFAULT_PASSWORD',
      `KOPIA_DEFAULT_PASSWORD ${url}${which} opens with the password that everybody knows`,
    );
  }
  for (const warning of format.warnings) log.log('warning', warning);
  const lost = whatIsLost(repository);
  for (const each of lost.slice(0, WARNINGS_MAX)) log.log('warning', `damaged: ${each}`);
  if (lost.length > 0) {
    const more = lost.length > WARNINGS_MAX ? ` (${lost.length} of these)` : '';
    const remedy = 'run "drydock kopia verify" for what it costs and how to repair it';
    log.log('warning', `snapshots and files may be missing from what follows${more}; ${remedy}`);
  }
  return repository;
}

const WARNINGS_MAX = 5;

/** Damage that may hide snapshots or files, each as a sentence. */
export function whatIsLost({ indexes, manifests, snapshots }: Repository): readonly string[] {
  return [
    ...indexes.problems
      .filter(({ active }) => active)
      .map(({ blobId, reason }) => `index blob "${blobId}" ${reason}`),
    ...manifests.problems.map(
      ({ contentId, reason }) => `content "${contentId}" of manifests: ${reason}`,
    ),
    ...snapshots.problems.map(({ id, reason }) => `snapshot "${id}" ${reason}`),
  ];
}

/** @throws KOPIA_WRONG_PASSWORD, with the place that the password came from */
export async function tryPasswords<T>(
  session: Session,
  prefix: string,
  open: (value: string) => Promise<T>,
): Promise<T> {
  let wrong: unknown;
  for (const value of session.password.values) {
    try {
      return await open(value);
    } catch (error) {
      if (!(error instanceof DrydockError) || error.code !== 'KOPIA_WRONG_PASSWORD') throw error;
      wrong = error;
    }
  }
  throw wrongPassword(repositoryUrl(session, prefix), session.password, wrong);
}
