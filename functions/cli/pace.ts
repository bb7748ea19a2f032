import type { ProgressUpdate } from '../../shared/model/progress.ts';

/** How fast a stage of the work goes; bytes where it has bytes to go, otherwise objects. */
export interface Pace {
  readonly unit: 'bytes' | 'objects';
  readonly perSecond: number;
  /** Absent where nobody knows how much there is. */
  readonly leftMs?: number;
}

interface Sample {
  readonly atMs: number;
  readonly done: number;
  readonly work: number;
}

/** What one object costs beside its bytes: requests and files, as the bytes that take as long. */
const OBJECT_BYTES = 64 * 1024;

/** What is older says little about the rest: objects differ in size, stores in mood. */
const WINDOW_MS = 30_000;
const SAMPLES_EVERY_MS = 500;
/** Before that a rate is noise. */
const FIRST_MS = 1000;

/** Watches updates and answers with the pace of the last half minute of the stage under way. */
export function paceOf(): (update: ProgressUpdate, nowMs: number) => Pace | undefined {
  let stage: string | undefined;
  let samples: Sample[] = [];
  return (update, nowMs) => {
    const { bytesAll, objectsAll } = update;
    const unit = bytesAll > 0 ? 'bytes' : 'objects';
    const done = unit === 'bytes' ? update.bytesDone : update.objectsDone;
    const sample = {
      atMs: nowMs,
      done,
      work: update.bytesDone + update.objectsDone * OBJECT_BYTES,
    };
    const last = samples.at(-1);
    if (update.stage !== stage || last === undefined || sample.work < last.work) {
      stage = update.stage;
      samples = [sample];
      return undefined;
    }
    while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= WINDOW_MS) samples.shift();
    const first = samples[0] ?? last;
    if (nowMs - last.atMs >= SAMPLES_EVERY_MS) samples.push(sample);
    const elapsedMs = nowMs - first.atMs;
    if (elapsedMs < FIRST_MS || sample.work <= first.work) return undefined;
    const perSecond = ((done - first.done) * 1000) / elapsedMs;
    if (bytesAll === 0 && objectsAll === 0) return { unit, perSecond };
    const left = Math.max(0, bytesAll + objectsAll * OBJECT_BYTES - sample.work);
    return { unit, perSecond, leftMs: (left * elapsedMs) / (sample.work - first.work) };
  };
}
