import { createHash } from 'node:crypto';

/**
 * Every key of the state location, in one place. Names of other people's things (locations,
 * applications, backups) enter keys as hashes alone: a key tells nothing, has no odd character, and
 * is short whatever it stands for. What it stands for is in the record.
 *
 *     leases/<subject>.json                                   who works on a replica
 *     checkpoints/replicate-<source and target>.json          what a route remembers
 *     checkpoints/verify-<location>.json                      a verification that goes on
 *     proofs/<location>/<application>/<time>-<point>.json     what was proven of a recovery point
 *     evidence/<job>/<location>/head.json                     the newest record of a chain
 *     evidence/<job>/<location>/anchor.json                   the last record that retention removed
 *     evidence/<job>/<location>/records/<sequence>.json       the chain
 *     first-sight/<location>/<backup>.json                    SHA-256 sums of a backup's objects
 *     verifications/kopia-<repository>.json                   which packs were read when
 *     looks/<location>.json                                   what the last run knew of a location
 *     looks/<location>/<repository>.json                      and of a Kopia repository there
 *     ladders/<location>.json                                 what \`drydock status\` shows
 */
export const EVIDENCE_FOLDER = 'evidence/';

/** The same for everybody, and readable nowhere. */
function nameOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

export function leaseKey(subject: string): string {
  return `leases/${nameOf(subject)}.json`;
}

export function checkpointKey(source: string, target: string): string {
  return `checkpoints/replicate-${nameOf(source, target)}.json`;
}

export function verifyCheckpointKey(location: string): string {
  return `checkpoints/verify-${nameOf(location)}.json`;
}

/** With an application its proofs alone; ends in "/". */
export function proofsPrefix(location: string, application?: string): string {
  const below = application === undefined ? '' : `${nameOf(application)}/`;
  return `proofs/${nameOf(location)}/${below}`;
}

/** Ascending by the time of the recovery point within an application. */
export function proofKey(id: {
  readonly location: string;
  readonly application: string;
  readonly takenAt: string;
  readonly point: string;
}): string {
  const time = new Date(id.takenAt).toISOString().replaceAll(/[-:]/g, '');
  return `${proofsPrefix(id.location, id.application)}${time}-${pointName(id.point)}.json`;
}

/** What stands for a point in the keys of its proofs, for whatever application. */
export function pointName(point: string): string {
  return nameOf(point);
}

/** The `pointName` in a key as `proofKey` makes it; of any other key a text that no point has. */
export function pointOfProofKey(key: string): string {
  return /-([0-9a-f]{32})\.json$/.exec(key)?.[1] ?? '';
}

/** The folder of a chain; ends in "/". */
export function chainFolder(chain: { readonly job: string; readonly location: string }): string {
  return `${EVIDENCE_FOLDER}${chain.job}/${nameOf(chain.location)}/`;
}

/** Below the folder of a chain; ascending keys are ascending sequence numbers. */
export function evidenceName(sequence: number): string {
  return `records/${String(sequence).padStart(10, '0')}.json`;
}

export function firstSightKey(location: string, backup: string): string {
  return `first-sight/${nameOf(location)}/${nameOf(backup)}.json`;
}

export function kopiaVerificationKey(repositoryUrl: string): string {
  return `verifications/kopia-${nameOf(repositoryUrl)}.json`;
}

export function locationLookKey(location: string): string {
  return `looks/${nameOf(location)}.json`;
}

export function repositoryLookKey(location: string, prefix: string): string {
  return `looks/${nameOf(location)}/${nameOf(prefix)}.json`;
}

export const LADDERS_FOLDER = 'ladders/';

export function ladderKey(location: string): string {
  return `${LADDERS_FOLDER}${nameOf(location)}.json`;
}
