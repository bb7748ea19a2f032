import type { Cluster } from '../config/config.ts';
import type { Finding } from '../model/finding.ts';
import { clusterUnchecked } from '../velero/cluster/cluster-unchecked.ts';
import { readVeleroCluster } from '../velero/cluster/read-cluster.ts';
import type { VeleroCluster } from '../velero/cluster/velero-cluster.ts';
import type { ClusterWitness } from './job.ts';

/** What a cluster said, or that it could not be asked. */
export interface ClusterLook {
  readonly config: Cluster;
  readonly cluster: VeleroCluster | undefined;
  readonly findings: readonly Finding[];
  /** What it could not say, a clause each. */
  readonly unchecked: readonly string[];
}

/** Asks a cluster; what it cannot say is a finding, and never fails the run. */
export async function lookAtCluster(
  witness: ClusterWitness,
  now: Date,
  signal: AbortSignal | undefined,
): Promise<ClusterLook> {
  const { cluster: config } = witness;
  if (witness.kind === 'unreachable') {
    return { config, cluster: undefined, ...said(clusterUnchecked(config.name, witness)) };
  }
  const { veleroNamespace, veleroVersion } = config;
  const cluster = await readVeleroCluster(witness.api, {
    veleroNamespace,
    now,
    ...(veleroVersion !== undefined && { veleroVersion }),
    ...(signal && { signal }),
  });
  return { config, cluster, ...said(clusterUnchecked(config.name, cluster)) };
}

function said(findings: readonly Finding[]): Pick<ClusterLook, 'findings' | 'unchecked'> {
  return { findings, unchecked: findings.map(({ message }) => message) };
}
