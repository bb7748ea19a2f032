import type { Finding } from '../model/finding.ts';
import type { Progress } from '../model/progress.ts';
import type { Action, Verdict } from '../model/report.ts';

export type ActionKind = Action['kind'];

/** Adds up what a run does, for its report and for whoever watches it. */
export interface Tally {
  readonly findings: Finding[];
  readonly verdicts: Verdict[];
  /** Announces work, so that progress has an end to move towards. */
  plan(subject: string, what: string, objects: number, sizeBytes: number): void;
  /** Work done, or in a dry run what would be. */
  done(kind: ActionKind, subject: string, what: string, sizeBytes: number): void;
  /** Bytes on their way, for the progress bar alone. */
  moved(sizeBytes: number): void;
  measure(name: string, value: number): void;
  actions(): readonly Action[];
  measures(): Readonly<Record<string, number>>;
}

export function createTally(progress: Progress): Tally {
  const actions = new Map<string, { -readonly [K in keyof Action]: Action[K] }>();
  const measures = new Map<string, number>();
  const seen = { stage: '', objectsDone: 0, objectsAll: 0, bytesDone: 0, bytesAll: 0 };
  const add = (name: string, value: number): void =>
    void measures.set(name, (measures.get(name) ?? 0) + value);
  for (const name of ['objectsCopied', 'bytesCopied', 'objectsUnchanged']) add(name, 0);

  return {
    findings: [],
    verdicts: [],
    plan(subject, what, objects, sizeBytes) {
      seen.stage = `${subject}: ${what}`;
      seen.objectsAll += objects;
      seen.bytesAll += sizeBytes;
      progress.update(seen);
    },
    done(kind, subject, what, sizeBytes) {
      const key = `${subject}\n${what}\n${kind}`;
      const action = actions.get(key) ?? { kind, subject, what, objects: 0, sizeBytes: 0 };
      action.objects += 1;
      action.sizeBytes += sizeBytes;
      actions.set(key, action);
      add(kind === 'remove' ? 'objectsRemoved' : 'objectsCopied', 1);
      if (kind !== 'remove') add('bytesCopied', sizeBytes);
      seen.stage = `${subject}: ${what}`;
      seen.objectsDone += 1;
      progress.update(seen);
    },
    moved(sizeBytes) {
      seen.bytesDone += sizeBytes;
      progress.update(seen);
    },
    measure: add,
    actions: () => [...actions.values()],
    measures: () => Object.fromEntries([...measures].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
