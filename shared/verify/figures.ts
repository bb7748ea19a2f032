/** The middle one; of an even number the lower of the two in the middle, so that it was observed. */
export function median(values: readonly number[]): number | undefined {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.floor((ascending.length - 1) / 2)];
}

const HOUR_MS = 3_600_000;

/** For people: whole hours, below ten with one decimal, e.g. `3.5 hours`. */
export function hoursText(hours: number): string {
  const shown = Math.abs(hours) < 10 ? Math.round(hours * 10) / 10 : Math.round(hours);
  return shown === 1 ? '1 hour' : `${shown} hours`;
}

/** The same; what is shorter than an hour in minutes. */
export function millisecondsText(ms: number): string {
  if (Math.abs(ms) >= HOUR_MS) return hoursText(ms / HOUR_MS);
  const minutes = Math.round(ms / 60_000);
  return minutes === 1 ? '1 minute' : `${minutes} minutes`;
}
