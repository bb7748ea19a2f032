import type { KubernetesApi, KubernetesObject, ResourceType } from '../../kubernetes/api.ts';
import { isKubernetesError } from '../../kubernetes/kubernetes-error.ts';
import { forEachLimited } from '../../model/limited.ts';
import { at, flagAt } from '../artefacts/json.ts';
import { namespacedKind } from './resources.ts';

export interface CustomResources {
  readonly byNamespace: readonly {
    readonly namespace: string;
    readonly kinds: readonly string[];
  }[];
  readonly unreadKinds: readonly string[];
}

const DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
};

/** Velero's own, and snapshots, which it handles by itself. */
const GROUPS_LEFT_OUT: ReadonlySet<string> = new Set(['velero.io', 'snapshot.storage.k8s.io']);

const KINDS_MAX = 300;
const OBJECTS_MAX = 20_000;
const KINDS_SHOWN = 10;
const AT_ONCE = 4;

/**
 * Which namespaces hold custom resources. Objects that a controller made out of others do not
 * count: it makes them again. A kind that cannot be listed, or not to its end, is among
 * `unreadKinds`.
 * @throws KubernetesError when the kinds, or none of them, can be listed.
 */
export async function customResources(
  api: KubernetesApi,
  signal: AbortSignal | undefined,
): Promise<CustomResources> {
  const options = signal === undefined ? {} : { signal };
  const kinds: ResourceType[] = [];
  const unread: string[] = [];
  for await (const definition of api.list(DEFINITIONS, options)) {
    const kind = namespacedKind(definition);
    if (kind === undefined || GROUPS_LEFT_OUT.has(kind.group)) continue;
    if (kinds.length < KINDS_MAX) kinds.push(kind);
    else if (unread.length < KINDS_MAX) unread.push(nameOf(kind));
  }
  const found = new Map<string, Set<string>>();
  const failures: unknown[] = [];
  await forEachLimited(
    kinds,
    { concurrency: AT_ONCE, weightMax: AT_ONCE },
    () => 1,
    async (kind) => {
      try {
        let objects = 0;
        for await (const object of api.list(kind, options)) {
          objects += 1;
          if (objects > OBJECTS_MAX) {
            unread.push(nameOf(kind));
            break;
          }
          if (isDerived(object)) continue;
          const namespace = object.metadata.namespace ?? '';
          const names = found.get(namespace) ?? new Set();
          found.set(namespace, names);
          if (names.size < KINDS_SHOWN) names.add(nameOf(kind));
        }
      } catch (error) {
        signal?.throwIfAborted();
        // Its definition was removed in the meantime.
        if (isKubernetesError(error, 'api_not_found')) return;
        failures.push(error);
        unread.push(nameOf(kind));
      }
    },
  );
  if (kinds.length > 0 && failures.length === kinds.length) throw failures[0];
  const byNamespace = [...found]
    .map(([namespace, names]) => ({ namespace, kinds: [...names].sort() }))
    .sort((left, right) => (left.namespace < right.namespace ? -1 : 1));
  return { byNamespace, unreadKinds: unread.sort() };
}

function nameOf({ plural, group }: ResourceType): string {
  return `${plural}.${group}`;
}

function isDerived({ metadata }: KubernetesObject): boolean {
  const owners = at(metadata, 'ownerReferences');
  return Array.isArray(owners) && owners.some((owner) => flagAt(owner, 'controller') === true);
}
