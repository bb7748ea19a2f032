import { type Options, SingleBar } from 'cli-progress';
import type { Progress, ProgressUpdate } from '../../shared/model/progress.ts';
import { type Pace, paceOf } from './pace.ts';
import { count, duration, type Output, printable, size } from './terminal.ts';

/** Progress of one run; `end` leaves the terminal as it was. */
export interface CliProgress extends Progress {
  /** Writes a line without tearing the bar. */
  line(text: string): void;
  end(): void;
}

/** A bar for people at a terminal, a line every few seconds for logs. Always on stderr. */
export function cliProgress(stderr: NodeJS.WriteStream, now: () => Date): CliProgress {
  return stderr.isTTY ? barProgress(stderr, now) : lineProgress(stderr, now);
}

const LINES_EVERY_MS = 5000;

export function lineProgress(output: Output, now: () => Date): CliProgress {
  let lastMs = now().getTime();
  const pace = paceOf();
  return {
    update(update) {
      const nowMs = now().getTime();
      const paced = pace(update, nowMs);
      if (nowMs - lastMs < LINES_EVERY_MS) return;
      lastMs = nowMs;
      output.write(`${printable(update.stage)}: ${amounts(update, paced)}\n`);
    },
    line: (text) => void output.write(`${text}\n`),
    end: () => undefined,
  };
}

function barProgress(stderr: NodeJS.WriteStream, now: () => Date): CliProgress {
  const options: Options = {
    stream: stderr,
    format: '{bar} {percentage}% {stage}: {amounts}',
    barsize: 24,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    clearOnComplete: true,
    fps: 5,
    hideCursor: null,
    gracefulExit: false,
  };
  const pace = paceOf();
  let bar: SingleBar | undefined;
  return {
    update(update) {
      const byBytes = update.bytesAll > 0;
      const total = Math.max(1, byBytes ? update.bytesAll : update.objectsAll);
      const done = Math.min(total, byBytes ? update.bytesDone : update.objectsDone);
      const paced = pace(update, now().getTime());
      const shown = { stage: printable(update.stage), amounts: amounts(update, paced) };
      if (bar === undefined) {
        bar = new SingleBar(options);
        bar.start(total, done, shown);
      } else {
        bar.setTotal(total);
        bar.update(done, shown);
      }
    },
    line(text) {
      // Return to the first column and clear: the bar draws itself again below.
      stderr.write(`${bar === undefined ? '' : '\r\u001b[K'}${text}\n`);
    },
    end() {
      bar?.stop();
      bar = undefined;
    },
  };
}

function amounts(update: ProgressUpdate, pace: Pace | undefined): string {
  const { objectsDone, objectsAll, bytesDone, bytesAll } = update;
  const parts = [objectsAll === 0 ? count(objectsDone, 'object') : of(objectsDone, objectsAll)];
  if (bytesAll > 0) parts.push(`${size(bytesDone)} of ${size(bytesAll)}`);
  if (pace !== undefined) {
    const { unit, perSecond, leftMs } = pace;
    parts.push(unit === 'bytes' ? `${size(perSecond)}/s` : `${Math.round(perSecond)}/s`);
    if (leftMs !== undefined) parts.push(`${duration(leftMs)} left`);
  }
  return parts.join(', ');
}

const of = (done: number, all: number): string => `${done} of ${count(all, 'object')}`;
