import type { Cluster } from '../config/config.ts';
import { type Finding, finding } from '../model/finding.ts';
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
  const subject = `cluster ${config.name}`;
  if (witness.kind === 'unreachable') {
    const message = `Cluster "${config.name}" could not be asked: ${witness.reason}`;
    const found = finding('CLUSTER_UNCHECKED', subject, message, { hint: witness.hint });
    return { config, cluster: undefined, findings: [found], unchecked: [message] };
  }
  const { veleroNamespace, veleroVersion } = config;
  const cluster = await readVeleroCluster(witness.api, {
    veleroNamespace,
    now,
    ...(veleroVersion !== undefined && { veleroVersion }),
    ...(signal && { signal }),
  });
  const found = uncheckedFinding(subject, config.name, cluster);
  const unchecked = found === undefined ? [] : [found.message];
  return { config, cluster, findings: found === undefined ? [] : [found], unchecked };
}
