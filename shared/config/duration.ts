const UNIT_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;

/** A duration above zero: units in descending order, not all of them zero. */
export const DURATION = /^(?=.*[1-9])(?:\d{1,6}d)?(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}s)?$/;

/** `90s`, `15m`, `24h`, `7d`, `1h30m` in milliseconds, where `text` has the form `DURATION`. */
export function durationMs(text: string): number {
  let milliseconds = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([dhms])/g)) {
    milliseconds += Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return milliseconds;
}
