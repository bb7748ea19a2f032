import { type Finding, finding } from '../../model/finding.ts';
import type { BackupFacts } from '../checks/backup-facts.ts';
import { counted, examplesOf, plain } from '../checks/plain.ts';
import { SYSTEM_NAMESPACES, subjectOf } from './coverage-findings.ts';
import type { VeleroCluster } from './velero-cluster.ts';

export interface ClaimQuestion {
  readonly claims: VeleroCluster['claims'];
  /** Of every location that backups of these claims may be in. */
  readonly facts: readonly BackupFacts[];
  readonly unprotected: readonly string[];
  readonly url: string;
  readonly now: Date;
}

const DAY_MS = 24 * 3_600_000;

/**
 * Claims that no complete backup contains, although there was time for it: bound, a day old, and
 * older than the newest complete backup. One finding for a namespace. Nothing is claimed without
 * told claims, without a complete backup, or where a list of claims was cut short.
 */
export function claimFindings(question: ClaimQuestion): readonly Finding[] {
  const { claims, facts, unprotected, url, now } = question;
  const complete = facts.filter(isRecoveryPoint);
  const newest = Math.max(...complete.map(startedMs));
  const isCut = complete.some(({ contents }) => contents?.isCut === true);
  if (claims.outcome === 'unchecked' || isCut || !Number.isFinite(newest)) return [];
  const contained = new Set(complete.flatMap(({ contents }) => contents?.claims.map(keyOf) ?? []));
  const silent = new Set([...SYSTEM_NAMESPACES, ...unprotected]);
  const bare = new Map<string, string[]>();
  for (const claim of claims.value) {
    const createdMs = claim.createdAt?.getTime() ?? Number.NaN;
    const hadTime = createdMs < newest && now.getTime() - createdMs > DAY_MS;
    if (!hadTime || claim.phase !== 'Bound' || silent.has(claim.namespace)) continue;
    if (contained.has(keyOf(claim))) continue;
    const names = bare.get(claim.namespace);
    if (names === undefined) bare.set(claim.namespace, [claim.name]);
    else names.push(claim.name);
  }
  return [...bare].sort().map(([namespace, names]) => {
    const message = `No complete backup contains ${counted(names.length, 'bound claim')} of the namespace ${plain(namespace)}`;
    const evidence = { claims: examplesOf(names.sort()) };
    return finding('CLAIM_UNPROTECTED', subjectOf(url, namespace), message, { evidence });
  });
}

function isRecoveryPoint({ completeness, resource }: BackupFacts): boolean {
  return completeness === 'complete' && resource !== undefined && resource.phase !== 'Failed';
}

function startedMs({ resource }: BackupFacts): number {
  return resource?.startedAt === undefined
    ? Number.NEGATIVE_INFINITY
    : Date.parse(resource.startedAt);
}

/** Neither name can hold a slash. */
function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
