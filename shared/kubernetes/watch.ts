import { failure, jsonOrNothing, record, refusal, statusFrom, text } from './answers.ts';
import type { KubernetesObject, ResourceType, WatchEvent, WatchOptions } from './api.ts';
import { attemptOf, backOff, type Call, type Parts, send } from './exchange.ts';
import { readLines } from './json-scan.ts';
import { isKubernetesError } from './kubernetes-error.ts';
import { asObject } from './list.ts';
import { collectionAction, collectionPath, query } from './requests.ts';
import { SilenceError } from './transport.ts';

/**
 * `KubernetesApi.watch`: connection after connection, each behind the last event of the one before.
 * Between two there is a pause that grows while nothing comes, so that a server which ends every
 * watch at once is not stormed.
 */
export async function* watch(
  parts: Parts,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, never, void> {
  let { resourceVersion } = options;
  let fruitless = 0;
  let failures = 0;
  for (;;) {
    let error: unknown;
    try {
      for await (const event of connect(parts, type, { ...options, resourceVersion })) {
        resourceVersion = versionOf(event) ?? resourceVersion;
        fruitless = 0;
        failures = 0;
        yield event;
      }
      failures = 0;
    } catch (caught) {
      if (!isKubernetesError(caught) || !caught.retryable) throw caught;
      // A silent watch is opened anew: whether the server is there shows then.
      if (!(caught.cause instanceof SilenceError)) failures += 1;
      if (failures >= parts.limits.attemptsMax) throw caught;
      error = caught;
    }
    fruitless += 1;
    await backOff(parts, fruitless, error, options.signal);
  }
}

async function* connect(
  parts: Parts,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, void> {
  const { namespace, labelSelector, fieldSelector, resourceVersion, signal } = options;
  const { watchSeconds, watchIdleMs, objectSizeBytesMax } = parts.limits;
  const parameters = query({
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(watchSeconds),
    resourceVersion,
    labelSelector,
    fieldSelector,
  });
  const call: Call = {
    method: 'GET',
    path: `${collectionPath(type, namespace)}${parameters}`,
    type,
    action: collectionAction('watch', type, options),
    signal,
    idleMs: watchIdleMs,
  };
  const answer = await send(parts, call);
  for await (const line of readLines(answer.body, objectSizeBytesMax, attemptOf(parts, call))) {
    yield eventFrom(jsonOrNothing(line), parts, call);
  }
}

const TYPES: Readonly<Record<string, 'added' | 'modified' | 'deleted'>> = {
  ADDED: 'added',
  MODIFIED: 'modified',
  DELETED: 'deleted',
};

function eventFrom(value: unknown, parts: Parts, call: Call): WatchEvent {
  const frame = record(value);
  const kind = text(frame, 'type');
  const attempt = attemptOf(parts, call);
  if (kind === 'ERROR') {
    // The only way to say so once the answer has begun; 410 comes like this.
    const status = statusFrom(frame?.['object']);
    throw refusal(status?.code ?? 0, status, attempt);
  }
  if (kind === 'BOOKMARK') {
    const resourceVersion = text(
      record(record(frame?.['object'])?.['metadata']),
      'resourceVersion',
    );
    if (resourceVersion !== '') return { type: 'bookmark', resourceVersion };
  }
  const type = Object.hasOwn(TYPES, kind) ? TYPES[kind] : undefined;
  const object: KubernetesObject | undefined = asObject(frame?.['object']);
  if (type === undefined || object === undefined) {
    throw failure('unreachable', attempt, 'no event of Kubernetes');
  }
  return { type, object };
}

function versionOf(event: WatchEvent): string | undefined {
  return event.type === 'bookmark' ? event.resourceVersion : event.object.metadata.resourceVersion;
}
