import { appendEvidence } from '../ledger/evidence.ts';
import { ladderKey } from '../ledger/keys.ts';
import { LADDER } from '../ledger/location-look.ts';
import { PROOF_SKEW_MS } from '../ledger/proofs.ts';
import { ledgerBusy, readRecord, swapRecord } from '../ledger/record.ts';
import type { Finding } from '../model/finding.ts';
import type { Ladder, LadderRow } from '../model/ladder.ts';
import type { VerifyDeps } from './job.ts';

/** More losses in a row than this are no race but a store that does not keep its conditions. */
const ATTEMPTS_MAX = 20;

/**
 * Keeps what `drydock status` shows. Rows of applications that this run did not look at stay as
 * they were, when it looked at one application alone. A ladder of a later run stays, unless it is
 * from the future: a clock that once was wrong must not hold up all that come after it.
 * @param only the application that the run looked at alone
 * @throws DrydockError `LEDGER_BUSY` (operation)
 */
export async function saveLadder(
  { state, uniqueId, signal, clock }: Pick<VerifyDeps, 'state' | 'uniqueId' | 'signal' | 'clock'>,
  identity: string,
  ladder: Ladder,
  only: string | undefined,
): Promise<void> {
  const options = { ...(signal && { signal }) };
  const key = ladderKey(identity);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const present = await readRecord(state, key, LADDER, options);
    const kept = only === undefined ? ladder : withOthers(present?.value.rows ?? [], ladder, only);
    if (present !== undefined && isLater(present.value, ladder, clock.now())) return;
    const next = { value: kept, nonce: uniqueId(), previousEtag: present?.etag };
    if ((await swapRecord(state, key, LADDER, next, options)) !== undefined) return;
  }
  throw ledgerBusy(state, key);
}

function isLater(present: Ladder, ladder: Ladder, now: Date): boolean {
  const presentMs = Date.parse(present.checkedAt);
  return presentMs > Date.parse(ladder.checkedAt) && presentMs <= now.getTime() + PROOF_SKEW_MS;
}

function withOthers(before: readonly LadderRow[], ladder: Ladder, only: string): Ladder {
  const rows = [...before.filter(({ application }) => application !== only), ...ladder.rows];
  rows.sort((left, right) => (left.application < right.application ? -1 : 1));
  return { ...ladder, rows };
}

export interface RunEvidence {
  readonly runId: string;
  readonly at: Date;
  readonly ladder: Ladder;
  readonly findings: readonly Finding[];
  readonly measures: Readonly<Record<string, number>>;
}

/** A record of the chain has at most 256 KiB: of many findings the worst are named, all are counted. */
const NAMED_MAX = 200;
const UNCHECKED_NAMED_MAX = 20;
const TEXT_MAX = 200;
/** Leaves room for what the chain itself adds. */
const CONTENT_SIZE_BYTES_MAX = 192 * 1024;

/** Appends what this run found to the chain of the job at this location. */
export async function appendRun(
  deps: Pick<VerifyDeps, 'state' | 'uniqueId' | 'signer' | 'signal'>,
  identity: string,
  run: RunEvidence,
): Promise<void> {
  const { state, uniqueId, signer, signal } = deps;
  let named = NAMED_MAX;
  let content = contentOf(run, named);
  // Names come out of buckets, and of some each letter takes six bytes: then fewer are named.
  while (named > 0 && Buffer.byteLength(JSON.stringify(content)) > CONTENT_SIZE_BYTES_MAX) {
    named = Math.floor(named / 2);
    content = contentOf(run, named);
  }
  await appendEvidence(
    { state, uniqueId, ...(signer && { signer }) },
    { job: 'verify', location: identity },
    { at: run.at.toISOString(), runId: run.runId, content },
    { ...(signal && { signal }) },
  );
}

function contentOf({ ladder, findings, measures }: RunEvidence, named: number) {
  const counts = new Map<string, number>();
  for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1);
  return {
    schema: 'drydock/verify-evidence/v1',
    url: ladder.url,
    counts: Object.fromEntries(counts),
    findings: findings.slice(0, named).map(({ code, severity, subject }) => ({
      code,
      severity,
      subject: subject.slice(0, TEXT_MAX),
    })),
    applications: ladder.rows.slice(0, named).map(({ application, proven, newest }) => ({
      application: application.slice(0, TEXT_MAX),
      ...(newest && { newest: newest.point.slice(0, TEXT_MAX), rung: newest.rung }),
      ...(proven && { proven: proven.point.slice(0, TEXT_MAX), provenTakenAt: proven.takenAt }),
    })),
    unchecked: ladder.unchecked
      .slice(0, Math.min(named, UNCHECKED_NAMED_MAX))
      .map((each) => each.slice(0, TEXT_MAX)),
    measures: { ...measures },
  };
}
