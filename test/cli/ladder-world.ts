/** A state with ladders in it, as runs of verify leave them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ladderKey } from '../../shared/ledger/keys.ts';
import { LADDER } from '../../shared/ledger/location-look.ts';
import { swapRecord } from '../../shared/ledger/record.ts';
import type { Ladder, LadderPoint, LadderRow } from '../../shared/model/ladder.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { folder } from './drydock.ts';

export const NOW = new Date('2026-11-21T12:00:00Z');

export function hoursAgo(hours: number): string {
  return new Date(NOW.getTime() - hours * 3_600_000).toISOString();
}

export function point(ageHours: number, more: Partial<LadderPoint> = {}): LadderPoint {
  const takenAt = hoursAgo(ageHours);
  const provenAt = hoursAgo(0.5);
  return { point: `daily-${Math.round(ageHours)}`, takenAt, rung: 'intact', provenAt, ...more };
}

export function row(application: string, more: Partial<LadderRow> = {}): LadderRow {
  const newest = point(7);
  return {
    application,
    location: 'prod',
    namespaces: [application],
    rpoHours: 24,
    breachAfterHours: 25.5,
    points: 3,
    newest,
    byRung: { reported: newest, present: newest, intact: newest },
    proven: newest,
    why: [],
    ...more,
  };
}

export function ladder(name: string, url: string, more: Partial<Ladder> = {}): Ladder {
  return {
    location: name,
    url,
    checkedAt: hoursAgo(0.2),
    runId: 'run-1',
    rows: [row('shop')],
    unchecked: [],
    ...more,
  };
}

/** A folder with a state in it that holds `ladders`. */
export async function stateWith(...ladders: readonly Ladder[]) {
  const cwd = await folder();
  const path = join(cwd, 'state');
  await mkdir(path);
  const state = fileStore({ path });
  for (const each of ladders) {
    const next = { value: each, nonce: each.url, previousEtag: undefined };
    await swapRecord(state, ladderKey(each.url), LADDER, next);
  }
  return { cwd, path, state, url: `file://${path}` };
}
