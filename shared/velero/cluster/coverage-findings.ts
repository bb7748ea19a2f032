import { type Finding, finding } from '../../model/finding.ts';
import { counted, examplesOf, plain } from '../checks/plain.ts';
import { matches, runs, type ScheduleScope, scheduleScope } from './schedule-scope.ts';
import type { ClusterClaim, Told, VeleroCluster } from './velero-cluster.ts';

export interface CoverageQuestion {
  readonly cluster: VeleroCluster;
  /** Namespaces that need no backup, and about which nothing is said. */
  readonly unprotected: readonly string[];
  /** What the namespaces are in: the location's URL. */
  readonly url: string;
}

/** Namespaces whose objects every cluster makes by itself, and Velero's. */
export const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'velero',
]);

/**
 * What the schedules of a cluster leave out, whatever location they write to: excluded namespaces,
 * and those with claims or custom resources that no schedule takes. Of what is not told nothing is
 * claimed.
 */
export function coverageFindings(question: CoverageQuestion): readonly Finding[] {
  const { cluster, unprotected } = question;
  if (cluster.schedules.outcome === 'unchecked') return [];
  const scopes = cluster.schedules.value.filter(runs).map(scheduleScope);
  const silent = new Set([...SYSTEM_NAMESPACES, cluster.namespace, ...unprotected]);
  return [...excluded(scopes, silent, question), ...unscheduled(scopes, silent, question)];
}

function excluded(
  scopes: readonly ScheduleScope[],
  silent: ReadonlySet<string>,
  { cluster, url }: CoverageQuestion,
): readonly Finding[] {
  const schedulesOf = new Map<string, string[]>();
  for (const { schedule, excludedNamespaces } of scopes) {
    const names = new Set(excludedNamespaces.flatMap((each) => meant(each, cluster.namespaces)));
    for (const name of names) {
      if (!silent.has(name)) schedulesOf.set(name, [...(schedulesOf.get(name) ?? []), schedule]);
    }
  }
  return [...schedulesOf].sort(byName).map(([namespace, schedules]) => {
    const taker = scopes.find((scope) => scope.takesNamespace(namespace));
    const by = examplesOf(schedules).join(', ');
    const other = taker === undefined ? '' : `, and taken by ${plain(taker.schedule)}`;
    const message = `The namespace ${plain(namespace)} is excluded by ${by}${other}`;
    return finding('NAMESPACE_EXCLUDED', subjectOf(url, namespace), message, {
      ...(taker !== undefined && { severity: 'info' as const }),
      evidence: { schedules: examplesOf(schedules) },
    });
  });
}

/** The namespaces that an entry means; the entry itself where nobody says what namespaces exist. */
function meant(entry: string, namespaces: Told<readonly string[]>): readonly string[] {
  if (namespaces.outcome === 'unchecked') return [entry];
  return namespaces.value.filter((name) => matches(entry, name) === 'yes');
}

function unscheduled(
  scopes: readonly ScheduleScope[],
  silent: ReadonlySet<string>,
  { cluster, url }: CoverageQuestion,
): readonly Finding[] {
  const claims = grouped(cluster.claims.outcome === 'told' ? cluster.claims.value : []);
  const { customResources } = cluster;
  const custom = new Map(
    customResources.outcome === 'told'
      ? customResources.value.map(({ namespace, kinds }) => [namespace, kinds] as const)
      : [],
  );
  const namespaces = [...new Set([...claims.keys(), ...custom.keys()])].sort();
  return namespaces.flatMap((namespace) => {
    const own = claims.get(namespace) ?? [];
    if (silent.has(namespace) || isTaken(namespace, own, scopes)) return [];
    const kinds = custom.get(namespace) ?? [];
    const holds = [
      ...(own.length > 0 ? [counted(own.length, 'volume claim')] : []),
      ...(kinds.length > 0 ? [`custom resources (${kinds.slice(0, 3).join(', ')})`] : []),
    ].join(' and ');
    const message = `No schedule takes the namespace ${plain(namespace)}, which holds ${holds}`;
    const evidence = { claims: examplesOf(own.map(({ name }) => name)), kinds };
    const severity = own.length > 0 ? ('error' as const) : ('warning' as const);
    const subject = subjectOf(url, namespace);
    return [finding('NAMESPACE_UNSCHEDULED', subject, message, { severity, evidence })];
  });
}

/** A selector may leave all claims out; of custom resources nobody has looked at the labels. */
function isTaken(
  namespace: string,
  claims: readonly ClusterClaim[],
  scopes: readonly ScheduleScope[],
): boolean {
  return scopes.some((scope) =>
    claims.length === 0
      ? scope.takesNamespace(namespace)
      : claims.some(({ labels }) => scope.takesClaim(namespace, labels)),
  );
}

function grouped(claims: readonly ClusterClaim[]): ReadonlyMap<string, readonly ClusterClaim[]> {
  const groups = new Map<string, ClusterClaim[]>();
  for (const claim of claims) {
    const group = groups.get(claim.namespace);
    if (group === undefined) groups.set(claim.namespace, [claim]);
    else group.push(claim);
  }
  return groups;
}

/** A namespace as the subject of findings. */
export function subjectOf(url: string, namespace: string): string {
  return `${url} namespace ${plain(namespace)}`;
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}
