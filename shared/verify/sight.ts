import {
  compareSight,
  FIRST_SIGHT_PURPOSE,
  type FirstSight,
  readFirstSight,
  recordFirstSight,
  type SeenObject,
} from '../ledger/first-sight.ts';
import { checkSignature } from '../ledger/signature.ts';
import { type Finding, finding } from '../model/finding.ts';
import type { ObjectStore } from '../stores/store.ts';
import type { BackupFacts } from '../velero/checks/backup-facts.ts';
import { backupSubject } from '../velero/checks/plain.ts';
import type { VerifyDeps } from './job.ts';

/** Which backup of which location, and who asks. */
export interface SightRun {
  readonly deps: Pick<VerifyDeps, 'state' | 'witnessState' | 'signer' | 'uniqueId' | 'signal'>;
  /** As `locationIdentity` writes it. */
  readonly identity: string;
  readonly url: string;
  readonly runId: string;
  readonly now: Date;
}

const NAMED_MAX = 20;

/**
 * Compares a backup that was just read with how it looked when it was first complete, in each state
 * that keeps first sights. What nobody has seen before is recorded, if it is complete and whole.
 * @param before of the last look, if there was one: where the first sight is gone it stands in for
 * it, so that removing the record alone makes no changed backup a new one
 * @returns what is wrong; nothing when it is as it was
 */
export async function checkSight(
  run: SightRun,
  facts: BackupFacts,
  before?: BackupFacts,
): Promise<readonly Finding[]> {
  const { deps } = run;
  const states = [deps.state, ...(deps.witnessState ? [deps.witnessState] : [])];
  const firsts: FirstSight[] = [];
  for (const state of states) {
    const first = await firstSight(run, state, facts, before);
    if (first !== undefined) firsts.push(first);
  }
  const altered = await alteredFinding(run, facts, firsts);
  if (altered !== undefined) return [altered];
  const [first] = firsts;
  const changes = first && changesSince(first, facts);
  return changes === undefined ? [] : [tampered(run, facts, changes)];
}

/** A name may be used again after a deletion: then it is another backup, with another UID. */
function sightName({ backup, resource }: BackupFacts): string {
  return `${backup} ${resource?.uid ?? ''}`;
}

async function firstSight(
  { deps, identity, runId, now }: SightRun,
  state: ObjectStore,
  facts: BackupFacts,
  before: BackupFacts | undefined,
): Promise<FirstSight | undefined> {
  const options = { ...(deps.signal && { signal: deps.signal }) };
  const backup = sightName(facts);
  const seen = [before, facts].find((each) => each !== undefined && isSightOf(backup, each));
  if (seen === undefined) return readFirstSight(state, identity, backup, options);
  const { uniqueId, signer } = deps;
  const seenAt = seen === facts ? now.toISOString() : seen.lookedAt;
  const sight = { location: identity, backup, seenAt, runId };
  const { first } = await recordFirstSight(
    { state, uniqueId, ...(signer && { signer }) },
    { ...sight, objects: hashed(seen) },
    options,
  );
  return first;
}

/** A first sight of half a backup, or of another one, would call the whole one changed. */
function isSightOf(backup: string, facts: BackupFacts): boolean {
  const isSound = facts.completeness === 'complete' && facts.isWhole;
  return isSound && sightName(facts) === backup;
}

function hashed({ objects }: BackupFacts): SeenObject[] {
  return objects.flatMap(({ key, sizeBytes, etag, sha256 }) =>
    sha256 === undefined ? [] : [{ key, sizeBytes, etag, sha256 }],
  );
}

/** The two states must tell the same, and a signature must be the signer's. */
async function alteredFinding(
  { deps, url }: SightRun,
  facts: BackupFacts,
  firsts: readonly FirstSight[],
): Promise<Finding | undefined> {
  const subject = backupSubject(url, facts.backup);
  const { signer } = deps;
  for (const first of signer === undefined ? [] : firsts) {
    const signature = signer && (await checkSignature(FIRST_SIGHT_PURPOSE, first, [signer]));
    if (signature !== 'wrong') continue;
    const message = `The record of the first sight of "${facts.backup}" is not what was signed`;
    return finding('FIRST_SIGHT_ALTERED', subject, message, { evidence: { seenAt: first.seenAt } });
  }
  const [one, other] = firsts;
  if (one === undefined || other === undefined) return undefined;
  const sums = ({ objects }: FirstSight): string =>
    objects.map(({ key, sha256 }) => `${key} ${sha256}`).join('\n');
  if (sums(one) === sums(other)) return undefined;
  const message = `The two states remember different first sights of "${facts.backup}"`;
  return finding('FIRST_SIGHT_ALTERED', subject, message, {
    evidence: { seenAt: [one.seenAt, other.seenAt], states: stateUrls(deps) },
  });
}

function stateUrls({ state, witnessState }: SightRun['deps']): readonly string[] {
  return [state.url, ...(witnessState ? [witnessState.url] : [])];
}

interface Changes {
  readonly seenAt: string;
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** An object that could not be hashed now is neither the same nor another one. */
function changesSince(first: FirstSight, facts: BackupFacts): Changes | undefined {
  const unread = new Set(facts.objects.filter((each) => !each.sha256).map(({ key }) => key));
  const known = { ...first, objects: first.objects.filter(({ key }) => !unread.has(key)) };
  const { changed, added, removed } = compareSight(known, hashed(facts));
  if (changed.length + added.length + removed.length === 0) return undefined;
  return { seenAt: first.seenAt, changed, added, removed };
}

function tampered({ url }: SightRun, facts: BackupFacts, changes: Changes): Finding {
  const { seenAt, changed, added, removed } = changes;
  const parts = Object.entries({ changed, removed, added })
    .filter(([, keys]) => keys.length > 0)
    .map(([what, keys]) => `${keys.length} ${what}`);
  const message = `Backup "${facts.backup}" is not what it was on ${seenAt}: ${parts.join(', ')} of its objects`;
  return finding('BACKUP_TAMPERED', backupSubject(url, facts.backup), message, {
    evidence: {
      seenAt,
      changed: changed.slice(0, NAMED_MAX),
      removed: removed.slice(0, NAMED_MAX),
      added: added.slice(0, NAMED_MAX),
    },
  });
}
