/** Where an object lies in the tarball of a backup (reference `velero.md` 1.4). */
export interface ObjectPath {
  /** Plural and group as Velero writes them: `pods`, `deployments.apps`. */
  readonly resource: string;
  /** `undefined` for the plain copy, which is the one that Velero restores. */
  readonly version: string | undefined;
  /** Cluster-scoped without. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** The format of the tarball, e.g. `1.1.0`. */
export const VERSION_PATH = 'metadata/version';

const PREFERRED = '-preferredversion';

/** `undefined` for what is no object. */
export function parseObjectPath(path: string): ObjectPath | undefined {
  if (!path.endsWith('.json')) return undefined;
  const [root, resource, ...rest] = path.split('/');
  if (root !== 'resources' || resource === undefined || resource === '') return undefined;
  const isPlain = isScope(rest[0]) && rest.length === (rest[0] === 'cluster' ? 2 : 3);
  const version = isPlain ? undefined : rest.shift();
  const file = rest.at(-1)?.slice(0, -'.json'.length);
  if (file === undefined || file === '') return undefined;
  if (rest[0] === 'cluster' && rest.length === 2) {
    return { resource, version, namespace: undefined, name: file };
  }
  if (rest[0] === 'namespaces' && rest.length === 3) {
    return { resource, version, namespace: rest[1], name: file };
  }
  return undefined;
}

function isScope(segment: string | undefined): boolean {
  return segment === 'cluster' || segment === 'namespaces';
}

/** The version of a copy that the API server prefers, e.g. `v1` of `v1-preferredversion`. */
export function preferredVersion({ version }: ObjectPath): string | undefined {
  return version?.endsWith(PREFERRED) ? version.slice(0, -PREFERRED.length) : undefined;
}

/** The API group of a resource: `apps` of `deployments.apps`, empty for the core group. */
export function groupOf(resource: string): string {
  const dot = resource.indexOf('.');
  return dot < 0 ? '' : resource.slice(dot + 1);
}

/** One object, whichever copy of it: `resources/<resource>/…` of the plain one. */
export function identityOf({ resource, namespace, name }: ObjectPath): string {
  return `${resource}/${namespace ?? ''}/${name}`;
}
