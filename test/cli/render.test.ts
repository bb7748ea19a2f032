import { Writable } from 'node:stream';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  EXIT,
  errorText,
  exitCodeOfError,
  exitCodeOfReport,
  highest,
  Interrupted,
  toDrydockError,
} from '../../functions/cli/outcome.ts';
import { cliProgress, lineProgress } from '../../functions/cli/progress.ts';
import { renderReport } from '../../functions/cli/render.ts';
import { colorsOf, duration, json, printable, size } from '../../functions/cli/terminal.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { type Finding, finding } from '../../shared/model/finding.ts';
import type { Report } from '../../shared/model/report.ts';
import { StoreError } from '../../shared/stores/store-error.ts';

const PLAIN = colorsOf({ write: () => undefined }, {});
const ESCAPE = '\u001b';

function report(more: Partial<Report> = {}): Report {
  return {
    schema: 'drydock/report/v1',
    run: {
      job: 'replicate',
      id: '1',
      version: '0.1.0',
      startedAt: '2026-11-21T08:00:00.000Z',
      finishedAt: '2026-11-21T08:01:04.000Z',
      dryRun: false,
    },
    scope: { source: 's3://acme/velero', target: 'azblob://acmebackups/velero' },
    verdicts: [],
    findings: [],
    actions: [
      { kind: 'copy', subject: 'kopia/shop', what: 'packs', objects: 12, sizeBytes: 251658240 },
      { kind: 'copy', subject: 'backups/daily-1', what: 'backup', objects: 9, sizeBytes: 2048 },
    ],
    measures: {},
    ...more,
  };
}

const hostile = finding(
  'FOREIGN_OBJECTS',
  `s3://acme/${ESCAPE}[2J\u202eevil`,
  'Seen\r\n\u009bhere',
  {
    evidence: { keys: ['a', 'b', 'c', 'd', 'e', 'f', `${ESCAPE}]0;x\u0007`] },
  },
);

describe('renderReport()', () => {
  test('shows actions as a table and ends with the verdict', () => {
    expect(
      renderReport(report(), PLAIN),
    ).toBe(`Run: replicate s3://acme/velero -> azblob://acmebackups/velero

ACTION  PART             WHAT    OBJECTS       SIZE
copy    kopia/shop       packs        12  240.0 MiB
copy    backups/daily-1  backup        9    2.0 KiB

Done in 1 min 4 s: 21 objects, 240.0 MiB
`);
  });

  test('cuts a long table, but counts all of it', () => {
    const action = { kind: 'copy', subject: 'backups/x', what: 'backup', sizeBytes: 1024 } as const;
    const actions = Array.from({ length: 100 }, () => ({ ...action, objects: 2 }));
    const lines = renderReport(report({ actions }), PLAIN).split('\n');
    expect(lines.filter((line) => line.startsWith('copy'))).toHaveLength(40);
    expect(lines.find((line) => line.startsWith('...'))).toMatch(/ 60 more rows +120 +60\.0 KiB$/);
    expect(lines.at(-2)).toContain('200 objects, 100.0 KiB');
  });

  test('shows findings by severity, each with its remedy, and counts them', () => {
    const findings: Finding[] = [
      finding('RESTORES_LEFT_OUT', 's3://acme/velero', 'Left out 3 objects'),
      finding('REPOSITORY_ABSENT', 's3://acme/velero/kopia/shop', 'There is no kopia.repository'),
      finding('LOCAL_STATE', 's3://acme/velero', 'Kept here'),
    ];
    const text = renderReport(report({ findings }), PLAIN);
    expect(text.indexOf('error REPOSITORY_ABSENT')).toBeLessThan(text.indexOf('info RESTORES'));
    expect(text).toContain('  hint: Restore kopia.repository at the source');
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/; 1 error, 2 info$/);
  });

  test('repeats of the evidence nothing that was just said, and knows a word from a part of one', () => {
    const evidence = { hours: 24, newest: 'daily-1', packs: ['p1', 'p2'], keys: ['a'], none: '' };
    const message = 'The newest of 124 is "daily-10"; p2, p1 are gone after 24 hours';
    const findings = [finding('LOCAL_STATE', 's3://acme/a', message, { evidence })];
    const text = renderReport(report({ findings }), PLAIN);
    expect(text).not.toMatch(/^ {2}(hours|packs|keys): /m);
    expect(text).toMatch(/^ {2}newest: daily-1\n {2}none: $/m);
  });

  test('tells a plan from a run, and nothing to do from something', () => {
    const dry = { ...report().run, dryRun: true };
    expect(renderReport(report({ run: dry }), PLAIN)).toMatch(
      /^Plan: .*Planned: 21 objects, 240\.0 MiB; nothing was written\n$/s,
    );
    expect(renderReport(report({ actions: [] }), PLAIN)).toMatch(
      /\nNothing to do \(1 min 4 s\)\n$/,
    );
  });

  test('says that a run ended before its work was done', () => {
    const text = renderReport(report({ unfinished: { reason: 'the deadline came' } }), PLAIN);
    expect(text).toContain('Unfinished: the deadline came');
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^Unfinished after 1 min 4 s/);
  });

  test('lets no control character of a key reach the terminal', () => {
    const subject = `kopia/${ESCAPE}[31m`;
    const actions = [{ kind: 'copy', subject, what: '\u0000', objects: 1, sizeBytes: 1 } as const];
    const text = renderReport(report({ findings: [hostile], actions }), PLAIN);
    expect(text.replaceAll('\n', '')).toBe(printable(text.replaceAll('\n', '')));
    expect(text).toContain('and 2 more');
    const asJson = json(report({ findings: [hostile], actions }));
    expect(asJson.replaceAll('\n', '')).toBe(printable(asJson.replaceAll('\n', '')));
    expect(JSON.parse(asJson)).toEqual(report({ findings: [hostile], actions }));
  });

  test('is coloured on a terminal alone, and never against NO_COLOR', () => {
    const terminal = { isTTY: true, write: () => undefined };
    expect(renderReport(report(), colorsOf(terminal, {}))).toContain(ESCAPE);
    expect(renderReport(report(), colorsOf(terminal, { NO_COLOR: '1' }))).not.toContain(ESCAPE);
    expect(renderReport(report(), colorsOf(terminal, { TERM: 'dumb' }))).not.toContain(ESCAPE);
    expect(renderReport(report(), PLAIN)).not.toContain(ESCAPE);
  });
});

describe('exit codes', () => {
  const found = (severity: 'warning' | 'error' | 'critical'): Report =>
    report({ findings: [{ ...hostile, severity }] });

  test.each([
    [report(), 'warning', 0],
    [found('warning'), 'warning', 1],
    [found('warning'), 'error', 0],
    [found('error'), 'error', 1],
    [found('critical'), 'error', 1],
    [found('error'), 'critical', 0],
    [report({ unfinished: { reason: 'the deadline came' } }), 'error', 3],
  ] as const)('of report %#', (given, failOn, code) => {
    expect(exitCodeOfReport(given, failOn)).toBe(code);
  });

  test.each([
    [new DrydockError('usage', 'X', 'x', { hint: '' }), 2],
    [new StoreError('denied', 'x'), 3],
    [new StoreError('locked', 'x'), 4],
    [new Interrupted(), 130],
    [toDrydockError(new TypeError('x is not a function')), 3],
    [toDrydockError(new CommanderError(1, 'commander.unknownOption', 'error: unknown')), 2],
  ])('of error %#', (error, code) => {
    expect(exitCodeOfError(error)).toBe(code);
  });

  test('the highest of several wins', () => {
    expect(highest([EXIT.ok, EXIT.refused, EXIT.findings])).toBe(4);
    expect(highest([EXIT.findings, EXIT.operation])).toBe(3);
    expect(highest([])).toBe(0);
  });
});

describe('errorText()', () => {
  test('is code, message and hint, with nothing that moves the cursor', () => {
    const error = new StoreError('denied', `Cannot list "s3://a/${ESCAPE}[2J"\n  and more`);
    expect(errorText(error, PLAIN)).toBe(
      'error denied: Cannot list "s3://a/\ufffd[2J"\n  and more\nhint: Grant the identity this action on the location, or check its credentials\n',
    );
  });
});

describe('progress', () => {
  const update = { stage: 'kopia/shop: packs', objectsAll: 40, bytesAll: 4096 };

  test('is a line every five seconds where there is no terminal', () => {
    const lines: string[] = [];
    let nowMs = 0;
    const progress = lineProgress({ write: (text) => lines.push(text) }, () => new Date(nowMs));
    for (let done = 1; done <= 12; done += 1) {
      nowMs += 1000;
      progress.update({ ...update, objectsDone: done, bytesDone: done * 100 });
    }
    expect(lines).toEqual([
      'kopia/shop: packs: 5 of 40 objects, 500 B of 4.0 KiB, 100 B/s, 35 s left\n',
      'kopia/shop: packs: 10 of 40 objects, 1000 B of 4.0 KiB, 100 B/s, 30 s left\n',
    ]);
  });

  test('is a bar on a terminal, which is gone in the end', () => {
    let written = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        written += chunk;
        done();
      },
    });
    const terminal = Object.assign(stream, {
      isTTY: true,
      columns: 80,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
      clearScreenDown: () => true,
    });
    const progress = cliProgress(terminal as unknown as NodeJS.WriteStream, () => new Date(0));
    progress.update({ ...update, stage: `kopia/${ESCAPE}[2J`, objectsDone: 20, bytesDone: 2048 });
    progress.line('a warning');
    progress.end();
    expect(written).toContain('50% kopia/\ufffd[2J: 20 of 40 objects');
    expect(written).toContain('a warning\n');
    expect(written).not.toContain(`${ESCAPE}[2J`);
  });
});

describe('words for numbers', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [21 * 1024 ** 2, '21.0 MiB'],
    [5.5 * 1024 ** 4, '5.5 TiB'],
  ])('%i bytes', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });

  test.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [59_600, '1 min 0 s'],
    [3_600_000, '1 h 0 min'],
  ])('%i milliseconds', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });
});
