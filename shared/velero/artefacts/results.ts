import { at, isObject, textsAt } from './json.ts';
import type { ArtefactLimits } from './stored.ts';

/** One half of `-results.gz`: what Velero said of itself, of cluster-scoped objects, of namespaces. */
export interface Messages {
  readonly velero: readonly string[];
  readonly cluster: readonly string[];
  readonly namespaces: ReadonlyMap<string, readonly string[]>;
  /** All of them. Errors of asynchronous operations are counted in the status alone. */
  readonly count: number;
}

export interface Results {
  readonly errors: Messages;
  readonly warnings: Messages;
}

export function parseResults(value: unknown): Results | string {
  if (!isObject(value)) return 'it is no object';
  return { errors: messages(at(value, 'errors')), warnings: messages(at(value, 'warnings')) };
}

function messages(value: unknown): Messages {
  const velero = textsAt(value, 'velero');
  const cluster = textsAt(value, 'cluster');
  const byNamespace = at(value, 'namespaces');
  const namespaces = new Map<string, readonly string[]>();
  for (const namespace of isObject(byNamespace) ? Object.keys(byNamespace) : []) {
    const texts = textsAt(byNamespace, namespace);
    if (texts.length > 0) namespaces.set(namespace, texts);
  }
  let count = velero.length + cluster.length;
  for (const texts of namespaces.values()) count += texts.length;
  return { velero, cluster, namespaces, count };
}

/** The names of a million objects. */
export const RESOURCE_LIST_LIMITS: ArtefactLimits = {
  storedSizeBytesMax: 16 * 1024 * 1024,
  inflatedSizeBytesMax: 64 * 1024 * 1024,
};

/** `group/version/Kind` (`v1/Pod` in the core group) to `namespace/name` or `name`, sorted. */
export type ResourceList = ReadonlyMap<string, readonly string[]>;

export function parseResourceList(value: unknown): ResourceList | string {
  if (value === null) return new Map();
  if (!isObject(value)) return 'it is no object';
  const list = new Map<string, readonly string[]>();
  for (const kind of Object.keys(value)) {
    const names = at(value, kind);
    if (names !== null && !Array.isArray(names)) return `its "${kind.slice(0, 100)}" is no list`;
    list.set(kind, textsAt(value, kind));
  }
  return list;
}
