import type { Cluster, ClusterAccess } from './config.ts';
import type { EntryProblem } from './problem.ts';
import { CLUSTER_ACCESS, type ClusterEntry } from './schema-clusters.ts';

/** The cluster of an entry in which `clusterProblems` finds nothing; else `undefined`. */
export function clusterOf(name: string, entry: ClusterEntry): Cluster | undefined {
  const access = accessOf(entry);
  if (access === undefined) return undefined;
  const { namespace = 'velero', version, timeZone } = entry.velero ?? {};
  return {
    name,
    access,
    veleroNamespace: namespace,
    ...(version !== undefined && { veleroVersion: version }),
    ...(timeZone !== undefined && { timeZone }),
  };
}

function accessOf({ kubeconfig, eks, aks, inCluster }: ClusterEntry): ClusterAccess | undefined {
  if (kubeconfig !== undefined) {
    const { path, context } = kubeconfig;
    return {
      kind: 'kubeconfig',
      ...(path !== undefined && { path }),
      ...(context !== undefined && { context }),
    };
  }
  if (eks !== undefined) {
    const { name, region, roleArn, server, certificateAuthority } = eks;
    return {
      kind: 'eks',
      name,
      region,
      ...(roleArn !== undefined && { roleArn }),
      ...(server !== undefined && { server }),
      ...(certificateAuthority !== undefined && { certificateAuthority }),
    };
  }
  if (aks !== undefined) {
    const { server, certificateAuthority, tenantId, clientId } = aks;
    return {
      kind: 'aks',
      server,
      ...(certificateAuthority !== undefined && { certificateAuthority }),
      ...(tenantId !== undefined && clientId !== undefined && { entra: { tenantId, clientId } }),
    };
  }
  return inCluster === true ? { kind: 'in-cluster' } : undefined;
}

/** What does not fit together within one cluster. */
export function clusterProblems(entry: ClusterEntry): readonly EntryProblem[] {
  const given = CLUSTER_ACCESS.filter((way) => entry[way] !== undefined);
  const [first, second] = given;
  if (first === undefined) {
    const hint = `Add one of ${CLUSTER_ACCESS.join(', ')}`;
    return [{ path: [], message: 'it says no way to reach its API server', hint }];
  }
  if (second !== undefined) {
    const message = `"${first}" and "${second}" exclude each other`;
    return [{ path: [second], message, hint: 'Keep the one by which Drydock reaches the cluster' }];
  }
  return [
    ...alone('eks', entry.eks ?? {}, ['server', 'certificateAuthority']),
    ...alone('aks', entry.aks ?? {}, ['tenantId', 'clientId']),
  ];
}

function alone<K extends string>(
  way: string,
  entry: { readonly [key in K]?: string | undefined },
  [left, right]: readonly [K, K],
): readonly EntryProblem[] {
  if ((entry[left] === undefined) === (entry[right] === undefined)) return [];
  const [one, other] = entry[left] === undefined ? [right, left] : [left, right];
  return [{ path: [way, one], message: `"${one}" needs "${other}" beside it` }];
}
