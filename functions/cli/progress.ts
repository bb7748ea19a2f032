import { type Options, SingleBar } from 'cli-progress';
import type { Progress, ProgressUpdate } from '../../shared/model/progress.ts';
import { count, type Output, printable, size } from './terminal.ts';

/** Progress of one run; `end` leaves the terminal as it was. */
export interface CliProgress extends Progress {
  /** Writes a line without tearing the bar. */
  line(text: string): void;
  end(): void;
}

/** A bar for people at a terminal, a line every few seconds for logs. Always on stderr. */
export function cliProgress(stderr: NodeJS.WriteStream, now: () => Date): CliProgress {
  return stderr.isTTY ? barProgress(stderr) : lineProgress(stderr, now);
}

const LINES_EVERY_MS = 5000;

export function lineProgress(output: Output, now: () => Date): CliProgress {
  let lastMs = now().getTime();
  return {
    update(update) {
      const nowMs = now().getTime();
      if (nowMs - lastMs < LINES_EVERY_MS) return;
      lastMs = nowMs;
      output.write(`${printable(update.stage)}: ${amounts(update)}\n`);
    },
    line: (text) => void output.write(`${text}\n`),
    end: () => undefined,
  };
}

function barProgress(stderr: NodeJS.WriteStream): CliProgress {
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
  let bar: SingleBar | undefined;
  return {
    update(update) {
      const byBytes = update.bytesAll > 0;
      const total = Math.max(1, byBytes ? update.bytesAll : update.objectsAll);
      const done = Math.min(total, byBytes ? update.bytesDone : update.objectsDone);
      const shown = { stage: printable(update.stage), amounts: amounts(update) };
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

function amounts(update: ProgressUpdate): string {
  const objects = `${update.objectsDone} of ${count(update.objectsAll, 'object')}`;
  return update.bytesAll === 0
    ? objects
    : `${objects}, ${size(update.bytesDone)} of ${size(update.bytesAll)}`;
}
