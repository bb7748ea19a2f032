import { failure, jsonOrNothing, record, text } from './answers.ts';
import type { KubernetesObject, ListEnd, ListOptions, ResourceType } from './api.ts';
import { attemptOf, backOff, type Call, type Parts, send } from './exchange.ts';
import { cutList } from './json-scan.ts';
import { isKubernetesError } from './kubernetes-error.ts';
import { collectionAction, collectionPath, query } from './requests.ts';

/** A snapshot lives about five minutes; a list that expires more often is read too slowly. */
const RESTARTS_MAX = 3;
const ENVELOPE_SIZE_BYTES_MAX = 64 * 1024;

interface PageEnd {
  readonly resourceVersion: string;
  /** The token of the next page; empty on the last one. */
  readonly next: string;
}

/** What a list has yielded so far, so that a page or a list that is read again adds only news. */
interface Seen {
  /** Resource versions by what identifies the object. */
  readonly versions: Map<string, string>;
  pages: number;
}

/** `KubernetesApi.list`: pages by `limit` and `continue`, each streamed object by object. */
export async function* list(
  parts: Parts,
  type: ResourceType,
  options: ListOptions,
): AsyncGenerator<KubernetesObject, ListEnd, void> {
  const seen: Seen = { versions: new Map(), pages: 0 };
  let next = '';
  let restarts = 0;
  for (let attempt = 1; ; ) {
    try {
      const end = yield* readPage(parts, pageCall(parts, type, options, next), seen);
      if (end.next === '') return { resourceVersion: end.resourceVersion, restarts };
      next = end.next;
      attempt = 1;
    } catch (error) {
      if (isKubernetesError(error, 'gone') && restarts < RESTARTS_MAX) {
        restarts += 1;
        next = '';
        continue;
      }
      const again = isKubernetesError(error) && error.retryable;
      if (!again || attempt >= parts.limits.attemptsMax) throw error;
      await backOff(parts, attempt, error, options.signal);
      attempt += 1;
    }
  }
}

function pageCall(parts: Parts, type: ResourceType, options: ListOptions, next: string): Call {
  const { namespace, labelSelector, fieldSelector, signal } = options;
  const limit = String(parts.limits.pageSizeObjects);
  const path = collectionPath(type, namespace);
  return {
    method: 'GET',
    path: `${path}${query({ limit, continue: next, labelSelector, fieldSelector })}`,
    type,
    action: collectionAction('list', type, options),
    signal,
  };
}

async function* readPage(
  parts: Parts,
  call: Call,
  seen: Seen,
): AsyncGenerator<KubernetesObject, PageEnd, void> {
  const { objectsMax, objectSizeBytesMax } = parts.limits;
  const attempt = attemptOf(parts, call);
  const answer = await send(parts, call);
  let rest: Buffer | undefined;
  const limits = { objectSizeBytesMax, envelopeSizeBytesMax: ENVELOPE_SIZE_BYTES_MAX };
  for await (const part of cutList(answer.body, limits, attempt)) {
    if (part.kind === 'envelope') {
      rest = part.json;
      break;
    }
    const object = asObject(jsonOrNothing(part.json));
    if (object === undefined) throw failure('unreachable', attempt, 'no Kubernetes object');
    if (isNews(object, seen)) yield object;
    if (seen.versions.size > objectsMax) throw failure('too_large', attempt, `over ${objectsMax}`);
  }
  seen.pages += 1;
  if (seen.pages > objectsMax) throw failure('too_large', attempt, `over ${objectsMax} pages`);
  const end = pageEnd(rest);
  if (end === undefined) throw failure('unreachable', attempt, 'no list of Kubernetes');
  return end;
}

/** An object of Kubernetes: all have a name, else nothing could be said about them. */
export function asObject(value: unknown): KubernetesObject | undefined {
  const object = record(value);
  const name = text(record(object?.['metadata']), 'name');
  return name === '' ? undefined : (object as KubernetesObject);
}

function isNews({ metadata }: KubernetesObject, { versions }: Seen): boolean {
  const { uid, namespace = '', name, resourceVersion } = metadata;
  const id = uid ?? `${namespace}/${name}`;
  if (resourceVersion !== undefined && versions.get(id) === resourceVersion) return false;
  versions.set(id, resourceVersion ?? '');
  return true;
}

function pageEnd(json: Buffer | undefined): PageEnd | undefined {
  const list = json && record(jsonOrNothing(json));
  const metadata = record(list?.['metadata']);
  if (metadata === undefined || !text(list, 'kind').endsWith('List')) return undefined;
  // Whatever still is in there was not seen, and nothing may pass for an empty list but one.
  const left = list?.['items'];
  if (left !== null && !(Array.isArray(left) && left.length === 0)) return undefined;
  return {
    resourceVersion: text(metadata, 'resourceVersion'),
    next: text(metadata, 'continue'),
  };
}
