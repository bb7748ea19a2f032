import type { Application } from '../config/config.ts';
import type { BackupFacts, ClaimFact, VolumeFact } from '../velero/checks/backup-facts.ts';
import type { ClusterClaim } from '../velero/cluster/velero-cluster.ts';

/** What has to be restorable together, as it is configured or as it was found. */
export interface ProtectedApplication {
  readonly name: string;
  /** Ascending where found; empty where labels alone say what belongs to it. */
  readonly namespaces: readonly string[];
  /** Of claims; all of them must be there. */
  readonly labels: ReadonlyMap<string, string>;
  readonly class?: string;
  readonly rpoMs: number;
  readonly isConfigured: boolean;
  /** Names of the locations that must hold it; absent: every location of layout velero. */
  readonly locations?: readonly string[];
  /** Somebody has seen a claim of it: a backup that holds none is none of its recovery points. */
  readonly hasClaims: boolean;
}

/**
 * The applications to protect. Where none are configured each namespace that holds claims, in the
 * cluster or in any complete backup, is one.
 * @param unprotected namespaces that need no backup
 * @param facts of all locations
 * @param claims of the clusters, as far as they could be asked
 * @param rpoMs of applications that are found
 */
export function applicationsOf(
  configured: readonly Application[] | undefined,
  unprotected: readonly string[],
  facts: readonly BackupFacts[],
  claims: readonly ClusterClaim[] | undefined,
  rpoMs: number,
): readonly ProtectedApplication[] {
  const complete = facts.filter(({ completeness }) => completeness === 'complete');
  if (configured !== undefined) {
    return configured.map((application) => ({
      name: application.name,
      namespaces: application.namespaces,
      labels: application.labels,
      ...(application.class !== undefined && { class: application.class }),
      rpoMs: application.rpoMs,
      isConfigured: true,
      ...(application.locations !== undefined && { locations: application.locations }),
      hasClaims:
        (claims ?? []).some((claim) => isClaimOf(application, claim)) ||
        complete.some(({ contents }) =>
          contents?.claims.some((own) => isClaimOf(application, own)),
        ),
    }));
  }
  const found = new Set((claims ?? []).map(({ namespace }) => namespace));
  for (const { contents } of complete) {
    for (const { namespace } of contents?.claims ?? []) found.add(namespace);
  }
  for (const namespace of unprotected) found.delete(namespace);
  return [...found].sort().map((name) => ({
    name,
    namespaces: [name],
    labels: new Map(),
    rpoMs,
    isConfigured: false,
    hasClaims: true,
  }));
}

/** What a backup holds of an application. */
export interface ApplicationPart {
  readonly volumes: readonly VolumeFact[];
  readonly claims: readonly ClaimFact[];
  /** `namespace/name` of claims that were there when it was taken and are not in it, ascending. */
  readonly missingClaims: readonly string[];
  /** Why nobody can say whether all of it is there, a clause. */
  readonly unchecked?: string;
}

/**
 * What a backup holds of an application: its objects in every namespace, and its claims.
 * @param required claims that the cluster holds now: those that were made before the backup began
 *   must be in it
 * @returns `undefined` when the backup is no recovery point of this application
 */
export function partOf(
  application: ProtectedApplication,
  facts: BackupFacts,
  required: readonly ClusterClaim[] = [],
): ApplicationPart | undefined {
  const { contents } = facts;
  if (contents === undefined) return undefined;
  const claims = claimsOf(application, contents.claims);
  if (contents.isCut) {
    const unchecked =
      'its tarball holds more than is kept of it, so that some of it may be missing';
    return { volumes: volumesOf(application, facts, claims), claims, missingClaims: [], unchecked };
  }
  const held = byNamespace(contents.namespaces, ({ name }) => name);
  if (!application.namespaces.every((name) => held.has(name))) return undefined;
  // Labels say which claims they are: without any, nothing of the application is in it.
  const needsClaims = application.hasClaims || application.labels.size > 0;
  if (needsClaims && claims.length === 0) return undefined;
  const ids = new Set(claims.map(idOf));
  const missing = requiredAt(application, facts, required).filter((id) => !ids.has(id));
  return {
    volumes: volumesOf(application, facts, claims),
    claims,
    missingClaims: [...new Set(missing)].sort(),
  };
}

/** The moment that a restore of the backup leads back to. */
export function takenAtOf({ resource }: BackupFacts): string | undefined {
  return resource?.startedAt ?? resource?.createdAt;
}

/** Velero leaves out what carries it, with the value `true`. */
const EXCLUDED_LABEL = 'velero.io/exclude-from-backup';

function requiredAt(
  application: ProtectedApplication,
  facts: BackupFacts,
  claims: readonly ClusterClaim[],
): readonly string[] {
  const takenMs = Date.parse(takenAtOf(facts) ?? '');
  return claimsOf(application, claims)
    .filter(({ createdAt }) => createdAt !== undefined && createdAt.getTime() < takenMs)
    .filter(({ labels }) => labels.get(EXCLUDED_LABEL) !== 'true')
    .map(idOf);
}

interface Claim {
  readonly namespace: string;
  readonly labels: Iterable<readonly [string, string]>;
}

function isClaimOf(
  { namespaces, labels }: Pick<ProtectedApplication, 'namespaces' | 'labels'>,
  claim: Claim,
): boolean {
  if (namespaces.length > 0 && !namespaces.includes(claim.namespace)) return false;
  if (labels.size === 0) return namespaces.length > 0;
  const own = new Map(claim.labels);
  return [...labels].every(([key, value]) => own.get(key) === value);
}

/** Of thousands of namespaces each asks for its own: their lists are put in order once. */
const indexes = new WeakMap<readonly unknown[], ReadonlyMap<string | undefined, unknown>>();

function byNamespace<T>(
  list: readonly T[],
  namespaceOf: (item: T) => string | undefined,
): ReadonlyMap<string | undefined, readonly T[]> {
  const known = indexes.get(list) as ReadonlyMap<string | undefined, readonly T[]> | undefined;
  if (known !== undefined) return known;
  const index = Map.groupBy(list, namespaceOf);
  indexes.set(list, index);
  return index;
}

/** Those of an application's namespaces; all, where it names none. */
function within<T>(
  { namespaces }: Pick<ProtectedApplication, 'namespaces'>,
  list: readonly T[],
  namespaceOf: (item: T) => string | undefined,
): readonly T[] {
  if (namespaces.length === 0) return list;
  const index = byNamespace(list, namespaceOf);
  return [...new Set(namespaces)].flatMap((name) => index.get(name) ?? []);
}

/** Those of an application. */
export function claimsOf<T extends Claim>(
  application: ProtectedApplication,
  claims: readonly T[],
): readonly T[] {
  const own = within(application, claims, ({ namespace }) => namespace);
  return own.filter((claim) => isClaimOf(application, claim));
}

/** `namespace/name`, as volumes are called too. */
export function idOf({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${namespace}/${name}`;
}

/**
 * The volumes of the application's claims and, where no labels choose among them, those that its
 * pods alone know. A claim that was never bound has no data; one that no list names has lost it.
 */
function volumesOf(
  application: ProtectedApplication,
  { volumes, unreadVolumeLists }: BackupFacts,
  claims: readonly ClaimFact[],
): readonly VolumeFact[] {
  const own = new Map(claims.map((claim) => [idOf(claim), claim]));
  const hasAll = application.labels.size === 0 && application.namespaces.length > 0;
  const inside = within(
    application,
    volumes,
    ({ id, claim }) => claim?.namespace ?? podNamespace(id),
  );
  const known = inside.filter(
    ({ claim }) => hasAll || (claim !== undefined && own.has(idOf(claim))),
  );
  const named = new Set(known.map(({ claim }) => (claim === undefined ? '' : idOf(claim))));
  const bare = claims
    .filter((claim) => !named.has(idOf(claim)))
    .map((claim): VolumeFact => {
      const { namespace, name } = claim;
      return { id: idOf(claim), claim: { namespace, name }, method: 'none', result: 'unfinished' };
    });
  return [...known, ...bare].filter(({ id, method }) => {
    if (method !== 'none') return true;
    // A list that could not be read may name its data: that is no proof that there is none.
    return own.get(id)?.isBound !== false && unreadVolumeLists.length === 0;
  });
}

/** Of an id `pod:<namespace>/<pod>/<volume>`. */
function podNamespace(id: string): string | undefined {
  return /^pod:([^/]+)\//.exec(id)?.[1];
}
