import type { Clock } from '../model/clock.ts';
import { failure, readJson, record, refusal, statusOf, text } from './answers.ts';
import type { ResourceType } from './api.ts';
import type { Connection } from './connection.ts';
import { isKubernetesError, KubernetesError } from './kubernetes-error.ts';
import { groupPath } from './requests.ts';
import type { Attempt, HttpAnswer, HttpCall, Transport } from './transport.ts';

export interface Limits {
  /** Of one object, and of any answer that is no list. etcd holds at most 1.5 MiB by default. */
  readonly objectSizeBytesMax: number;
  /** Of one list, over all its pages: more is no cluster but a server that never ends. */
  readonly objectsMax: number;
  readonly pageSizeObjects: number;
  /** Silence for this long breaks a connection. */
  readonly idleMs: number;
  /** The same while watching. Bookmarks come about every minute. */
  readonly watchIdleMs: number;
  /** The server is asked to end a watch after so long. */
  readonly watchSeconds: number;
  /** Calls in all, the first one included. */
  readonly attemptsMax: number;
}

export const LIMIT_DEFAULTS: Limits = {
  objectSizeBytesMax: 8 * 1024 * 1024,
  objectsMax: 500_000,
  pageSizeObjects: 500,
  idleMs: 30_000,
  watchIdleMs: 150_000,
  watchSeconds: 300,
  attemptsMax: 5,
};

export interface Parts {
  readonly connection: Connection;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads the retries of many callers. */
  readonly random: () => number;
  readonly limits: Limits;
}

export type Call = Pick<HttpCall, 'method' | 'path' | 'action' | 'signal' | 'body'> & {
  readonly type: ResourceType;
  readonly idleMs?: number;
};

/**
 * One request, with another token if the first one was not accepted. Answers only what succeeded:
 * every other answer throws as the fact that it is.
 */
export async function send(parts: Parts, call: Call): Promise<HttpAnswer> {
  const attempt = attemptOf(parts, call);
  let answer = await sendAs(parts, call, false);
  if (answer.status === 401 && parts.connection.token !== undefined) {
    await statusOf(answer, attempt);
    answer = await sendAs(parts, call, true);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  const status = await statusOf(answer, attempt);
  if (answer.status === 404 && !status?.name) throw await absence(parts, call);
  throw refusal(answer.status, status, attempt, answer.retryAfterMs);
}

async function sendAs(parts: Parts, call: Call, refresh: boolean): Promise<HttpAnswer> {
  const { connection, transport, limits } = parts;
  const token = await connection.token?.({ refresh });
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw failure('denied', attemptOf(parts, call), 'the token is empty or no token');
  }
  return await transport.send({
    ...call,
    source: connection.source,
    token,
    idleMs: call.idleMs ?? limits.idleMs,
  });
}

export function attemptOf({ connection }: Parts, { action, signal }: Call): Attempt {
  return { action, source: connection.source, signal };
}

/**
 * What a 404 that names no object means. It is the server's word for an unknown API, and any other
 * server's for anything: absent is only what the server's own discovery does not list.
 */
async function absence(parts: Parts, call: Call): Promise<KubernetesError> {
  const { group, version, plural } = call.type;
  const attempt = attemptOf(parts, call);
  const resources = await discover(parts, call, groupPath(call.type), 'resources');
  if (resources !== undefined) {
    const known = resources.some((each) => text(record(each), 'name') === plural);
    return failure(known ? 'unreachable' : 'api_not_found', attempt, known ? '404' : '');
  }
  const groups = group === '' ? undefined : await discover(parts, call, '/apis', 'groups');
  const versions = groups
    ?.filter((each) => text(record(each), 'name') === group)
    .flatMap((each) => record(each)?.['versions'] ?? []);
  if (
    versions !== undefined &&
    !versions.some((each) => text(record(each), 'version') === version)
  ) {
    return failure('api_not_found', attempt);
  }
  return failure('unreachable', attempt, '404, not by an API server');
}

/** A list of discovery; `undefined` when nobody answers as an API server would. */
async function discover(
  parts: Parts,
  call: Call,
  path: string,
  field: 'resources' | 'groups',
): Promise<readonly unknown[] | undefined> {
  const { type, action, signal } = call;
  const attempt = attemptOf(parts, call);
  const answer = await sendAs(parts, { method: 'GET', path, type, action, signal }, false);
  if (answer.status !== 200) {
    const status = await statusOf(answer, attempt);
    if (answer.status === 404) return undefined;
    throw refusal(answer.status, status, attempt, answer.retryAfterMs);
  }
  const found = record(await readJson(answer.body, parts.limits.objectSizeBytesMax, attempt));
  const list: unknown = found?.[field];
  const kind = field === 'resources' ? 'APIResourceList' : 'APIGroupList';
  return found?.['kind'] === kind && Array.isArray(list) ? list : undefined;
}

const DELAY_MS_MAX = 15_000;
const RETRY_AFTER_MS_MAX = 60_000;

/** Waits before attempt number `attempt` + 1, as long as the server asked for or ever longer. */
export async function backOff(
  { clock, random }: Pick<Parts, 'clock' | 'random'>,
  attempt: number,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ceilingMs = Math.min(DELAY_MS_MAX, 250 * 2 ** Math.min(attempt - 1, 10));
  const spreadMs = Math.round(ceilingMs * (0.5 + random() / 2));
  const askedMs = error instanceof KubernetesError ? (error.retryAfterMs ?? 0) : 0;
  await clock.sleep(Math.max(spreadMs, Math.min(askedMs, RETRY_AFTER_MS_MAX)), signal);
}

/** Repeats what may be repeated: reading, and writing what comes to the same when done twice. */
export async function repeated<T>(
  parts: Parts,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  mayRepeat: (error: KubernetesError) => boolean = ({ retryable }) => retryable,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const again = isKubernetesError(error) && mayRepeat(error);
      if (!again || attempt >= parts.limits.attemptsMax) throw error;
      await backOff(parts, attempt, error, signal);
    }
  }
}
