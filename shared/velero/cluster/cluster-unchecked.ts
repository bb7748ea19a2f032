import { type Finding, finding } from '../../model/finding.ts';
import { counted, examplesOf } from '../checks/plain.ts';
import { commandWord } from './kubectl.ts';
import type { Told, VeleroCluster } from './velero-cluster.ts';

/** What is asked of a cluster, in plain words. */
const PARTS = [
  ['schedules', 'schedules'],
  ['backups', 'backups'],
  ['storageLocations', 'storage locations'],
  ['repositories', 'volume repositories'],
  ['namespaces', 'namespaces'],
  ['claims', 'volume claims'],
  ['customResources', 'custom resources'],
] as const satisfies readonly (readonly [keyof VeleroCluster, string])[];

/**
 * That a cluster, or a part of it, could not be asked: one finding, whatever the number of parts.
 * @param name of the cluster in the configuration.
 */
export function clusterUnchecked(
  name: string,
  witness: VeleroCluster | { readonly reason: string; readonly hint: string },
): readonly Finding[] {
  const subject = `cluster ${name}`;
  if ('reason' in witness) {
    const message = `Cannot ask the cluster "${name}": ${witness.reason}`;
    return [finding('CLUSTER_UNCHECKED', subject, message, { hint: witness.hint })];
  }
  const unchecked = PARTS.flatMap(([key, words]) => {
    const part: Told<unknown> = witness[key];
    return part.outcome === 'unchecked' ? [{ words, ...part }] : [];
  });
  const [first] = unchecked;
  const { unreadKinds } = witness;
  if (first !== undefined) {
    const parts = unchecked.map(({ words }) => words).join(', ');
    const message = `Cannot ask the cluster "${name}" for its ${parts}: ${first.reason}`;
    const reasons = unchecked.map(({ words, reason }) => `${words}: ${reason}`);
    return [
      finding('CLUSTER_UNCHECKED', subject, message, { hint: first.hint, evidence: { reasons } }),
    ];
  }
  if (unreadKinds.length === 0) return [];
  const message = `Cannot list ${counted(unreadKinds.length, 'kind')} of custom resources of the cluster "${name}"`;
  return [
    finding('CLUSTER_UNCHECKED', subject, message, {
      severity: 'info',
      hint: `Try: kubectl get ${commandWord(unreadKinds[0] ?? '', '<kind>')} --all-namespaces`,
      evidence: { kinds: examplesOf(unreadKinds) },
    }),
  ];
}
