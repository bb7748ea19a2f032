import type { Measured } from './measure.ts';

/** What is to be closed in the end, the last first. */
export type Closers = (() => Promise<void>)[];

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function sayMeasured(name: string, { seconds, cpuSeconds, peakBytes }: Measured): void {
  const mebibytes = Math.round(peakBytes / 1024 / 1024);
  say(`  ${name}: ${seconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, ${mebibytes} MiB`);
}
