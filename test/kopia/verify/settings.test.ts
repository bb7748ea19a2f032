import { describe, expect, test } from 'vitest';
import { maintenanceFindings } from '../../../shared/kopia/verify/settings.ts';

const HOUR_MS = 3_600_000;
const MADE = new Date('2026-11-01T00:00:00Z');
const at = (hours: number) => new Date(MADE.getTime() + hours * HOUR_MS);
const cycle = { enabled: true, intervalMs: 24 * HOUR_MS };
const parameters = { owner: 'default@default', quick: cycle, full: cycle, modified: MADE };
const runs = new Map();

describe('full maintenance is overdue', () => {
  test.each([
    [30, []],
    [72, []],
    [73, [{ code: 'KOPIA_MAINTENANCE_OVERDUE', evidence: { overdueHours: 25 } }]],
  ])('%i hours after a repository was made, when it was due after 48', (hours, expected) => {
    const schedule = { nextFullMaintenance: at(48), runs };
    expect(maintenanceFindings('x/', schedule, parameters, at(hours))).toMatchObject(expected);
  });

  test.each([
    [48, 0],
    [49, 1],
  ])('%i hours after a repository was made in which it never ran', (hours, findings) => {
    for (const schedule of [undefined, { runs }]) {
      const found = maintenanceFindings('x/', schedule, parameters, at(hours));
      expect(found).toHaveLength(findings);
      for (const { message } of found) expect(message).toContain('has never run');
    }
  });

  test('never, where nobody wants it', () => {
    const off = { ...parameters, full: { ...cycle, enabled: false } };
    expect(maintenanceFindings('x/', undefined, off, at(1000))).toEqual([]);
    expect(maintenanceFindings('x/', undefined, undefined, at(1000))).toEqual([]);
  });
});
