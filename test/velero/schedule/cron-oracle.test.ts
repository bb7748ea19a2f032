import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../../shared/velero/schedule/cron.ts';
import type { CronDialect } from '../../../shared/velero/schedule/dialect.ts';
import { nextAfter } from '../../../shared/velero/schedule/next.ts';
import { openZone } from '../../../shared/velero/schedule/zone.ts';

/** Shape: test/fixtures/cron/README.md. */
interface Group {
  readonly zone: string;
  readonly starts: readonly number[];
  readonly rows: readonly (readonly string[])[];
}

const ANSWERS = join(import.meta.dirname, '../../fixtures/cron/answers.json');
const groups: readonly Group[] = JSON.parse(readFileSync(ANSWERS, 'utf8'));
const DIALECTS: readonly CronDialect[] = ['robfig-3', 'robfig-1', 'go-cron'];
const ANSWERS_PER_START = 2;

function ask(dialect: CronDialect, expression: string, group: Group): string {
  const zone = openZone(group.zone);
  if (zone === undefined) return 'no zone';
  const schedule = parseCron(expression, dialect, zone);
  if (schedule.kind === 'problem') return '!';
  const words: string[] = [];
  for (const start of group.starts) {
    let at = start;
    for (let nth = 0; nth < ANSWERS_PER_START; nth += 1) {
      const next = nextAfter(schedule, new Date(at * 1_000));
      words.push(next === undefined ? '-' : (next.getTime() / 1_000 - at).toString(36));
      if (next === undefined) break;
      at = next.getTime() / 1_000;
    }
  }
  return words.join(' ');
}

describe.each(DIALECTS.map((dialect, column) => ({ dialect, column: column + 1 })))(
  '$dialect',
  ({ dialect, column }) => {
    test.each(groups)('every answer of the Go library in $zone', (group) => {
      const expected: Record<string, string> = {};
      const found: Record<string, string> = {};
      for (const row of group.rows) {
        const [expression = '', common = ''] = row;
        const own = row[column] ?? '=';
        expected[expression] = own === '=' ? common : own;
        found[expression] = ask(dialect, expression, group);
      }
      expect(found).toEqual(expected);
    });
  },
);

test('the answers hold refusals, times and the absence of any, of all three libraries', () => {
  const rows = groups.flatMap((group) => group.rows);
  expect(rows.length).toBeGreaterThan(600);
  for (const column of [1, 2, 3]) {
    const answers = rows.map((row) => row[column] ?? '=');
    expect(answers).toEqual(expect.arrayContaining(['!', expect.stringMatching(/\w \w/)]));
  }
  expect(rows.filter((row) => row[1]?.includes('-')).length).toBeGreaterThan(3);
});
