import { describe, expect, test } from 'vitest';
import { colorsOf } from '../../functions/cli/terminal.ts';
import { type CostEstimate, costOf } from '../../functions/cli/verify-cost.ts';
import { verifyText } from '../../functions/cli/verify-text.ts';
import { parseLocationUrl } from '../../shared/config/location.ts';
import { finding } from '../../shared/model/finding.ts';
import type { Report } from '../../shared/model/report.ts';
import { ladder, NOW, point, row } from './ladder-world.ts';
import { published } from './published.ts';

const URL = 's3://acme-backups/velero';
const COLORS = colorsOf({ write: () => undefined }, {});

function text(more: Partial<Report>, dryRun = false, costs?: CostEstimate): string {
  const [startedAt, finishedAt] = [NOW, new Date(NOW.getTime() + 90_000)].map((at) =>
    at.toISOString(),
  ) as [string, string];
  const report: Report = {
    schema: 'drydock/report/v1',
    run: { job: 'verify', id: '1', version: '1.0.0', startedAt, finishedAt, dryRun },
    scope: { locations: URL },
    verdicts: [],
    findings: [],
    actions: [],
    measures: {},
    ...more,
  };
  published('report', JSON.stringify({ ...report, costs }));
  return verifyText(report, costs, NOW, COLORS);
}

const secrets = (number: number) =>
  Array.from({ length: number }, (_, n) =>
    finding('SECRETS_IN_CLEAR', `${URL}/backups/daily-${n}`, '1 Secret can be read'),
  );

describe('the text of drydock verify', () => {
  test('says when a point is late, breached or unproven, without colours too', () => {
    const { proven: _, ...unproven } = row('dr', { byRung: { reported: point(7) } });
    const late = point(24.5);
    const rows = [
      row('shop'),
      row('late', { proven: late, byRung: { intact: late } }),
      row('old', { proven: point(200) }),
      unproven,
    ];
    const shown = text({ ladders: [ladder('prod', URL, { rows })] });
    expect(shown).toMatch(/^shop +3 +7 h +7 h +7 h +- {2}7 h of 24 h$/m);
    expect(shown).toMatch(/^late +3 +- +- +24\.5 h +- {2}24\.5 h of 24 h, late$/m);
    expect(shown).toMatch(/ 200 h of 24 h, breached$/m);
    expect(shown).toMatch(/^dr +3 +7 h +- +- +- {2}none of 24 h, unproven$/m);
    expect(shown).toMatch(
      /\nDone in 1 min 30 s; 4 applications: 1 within RPO, 1 late, 1 breached, 1 unproven\n$/,
    );
  });

  test('shows the worst first, and of a thousand of a kind a few', () => {
    const breach = finding('RPO_BREACHED', `${URL} application shop`, 'It is too old');
    const shown = text({ findings: [...secrets(1000), breach] });
    expect(shown.indexOf('critical RPO_BREACHED')).toBeLessThan(shown.indexOf('SECRETS_IN_CLEAR'));
    expect(shown.match(/^info SECRETS_IN_CLEAR s3:/gm)).toHaveLength(3);
    expect(shown).toMatch(/^info SECRETS_IN_CLEAR: 997 more \(--output json has all\)$/m);
    expect(shown).toMatch(/; 1 critical, 1000 info\n$/);
    expect(text({ findings: secrets(3) })).not.toContain(' more ');
  });

  test('says the remedy once where findings of a kind share it', () => {
    const other = { hint: 'Another one' };
    const findings = [...secrets(2), finding('SECRETS_IN_CLEAR', `${URL}/x`, 'x', other)];
    const hints = text({ findings }).match(/^ {2}hint: .{9}/gm);
    expect(hints).toEqual(['  hint: Encrypt t', '  hint: Another o']);
  });

  test('gives a few reasons why a point is not proven', () => {
    const why = Array.from({ length: 300 }, (_, n) => `volume "shop/data-${n}" has no snapshot`);
    const shown = text({ ladders: [ladder('prod', URL, { rows: [row('shop', { why })] })] });
    expect(shown.match(/^shop: volume "shop\/data-/gm)).toHaveLength(3);
    expect(shown).toMatch(/^shop: 297 more reasons \(--output json has all\)$/m);
  });

  test('tells what was not looked at', () => {
    const unchecked = ['the cluster "prod" could not be asked'];
    const shown = text({
      ladders: [ladder('prod', URL, { rows: [], unchecked })],
      verdicts: [{ kind: 'unchecked', subject: URL, reason: 'no time' }],
      unfinished: { reason: 'The deadline came first' },
    });
    expect(shown).toContain('No application was found');
    expect(shown).toMatch(/^unchecked: the cluster "prod" could not be asked$/m);
    expect(shown).toMatch(/^Unfinished: The deadline came first$/m);
    expect(shown).toMatch(/\nUnfinished after 1 min 30 s; 1 unchecked \(velero\)\n$/);
  });

  test('says why there is no ladder when older backups were never looked at', () => {
    const scope = { locations: URL, since: '2026-11-21T09:00:00.000Z' };
    expect(text({ scope })).toContain(
      '\n\nRead backups that began since 2026-11-21T09:00:00Z alone; run it without --since',
    );
    const rows = [row('shop')];
    expect(text({ scope, ladders: [ladder('prod', URL, { rows })] })).not.toContain('--since');
    expect(text({ scope, unfinished: { reason: 'no time' } })).not.toContain('--since');
  });

  test('shows names from a bucket without their control characters', () => {
    const rows = [row('shop\u001b[2J', { why: ['volume\u202ex'] })];
    const shown = text({ ladders: [ladder('prod', URL, { rows })] });
    expect(shown).toContain('shop\ufffd[2J: volume\ufffdx');
    expect(shown).not.toContain('\u001b');
    expect(shown).not.toContain('\u202e');
  });

  test('of a dry run says roughly what it costs', () => {
    const reading = { objectsToRead: 10_000, bytesToRead: 50e9, requestsToMake: 11_000 };
    const plan = (measures: typeof reading) =>
      text({ measures }, true, costOf(measures, [parseLocationUrl(URL)]));
    expect(plan(reading)).toContain(
      `Would read 10000 objects, 46.6 GiB, by 11000 requests
Costs roughly less than 0.01 USD for requests, and 4.50 USD more for egress where it runs outside`,
    );
    expect(plan({ ...reading, requestsToMake: 1_010_000 })).toContain('roughly 5.00 USD for');
    expect(plan({ ...reading, bytesToRead: 0 })).toContain('and 0 USD more for egress');
    expect(plan(reading)).toMatch(/\nPlanned, nothing was written\n$/);
  });
});
