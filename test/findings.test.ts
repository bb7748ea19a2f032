import { describe, expect, test } from 'vitest';
import { findingAreas, findingsPage } from '../infra/build/findings.ts';
import { FINDINGS, finding, findingUrl } from '../shared/model/finding.ts';
import vitestConfig from '../vitest.config.ts';
import { REAL_ONLY, textWithHelpers, uncovered } from './support/raised.ts';

const kinds = Object.entries(FINDINGS);

describe('the catalogue', () => {
  test.each(kinds)('says of %s what it means and what to do', (code, kind) => {
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z0-9]+)+$/);
    expect(kind.title).toMatch(/^[A-Z].{7,58}[^.]$/);
    for (const text of [kind.meaning, kind.why, kind.fix]) {
      expect(text).toMatch(/^\S.{9,}[^.\s]$/s);
      expect(text).not.toMatch(/[\n\u2014]/);
    }
  });

  test('has no title twice', () => {
    const titles = kinds.map(([, { title }]) => title);
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
  });

  test('gives a finding the severity and the remedy of its code, unless told otherwise', () => {
    const { fix, severity } = FINDINGS.KOPIA_PACK_MISSING;
    const plain = finding('KOPIA_PACK_MISSING', 's3://acme/kopia/shop', 'A pack is missing');
    expect(plain).toMatchObject({ severity, hint: fix });
    const told = { severity: 'info', hint: 'Wait' } as const;
    expect(finding('KOPIA_PACK_MISSING', 's3://acme', 'One', told)).toMatchObject(told);
  });
});

describe('docs/findings.md', () => {
  const page = findingsPage();

  test('has every code in one area, with an entry at its address', () => {
    const codes = findingAreas().flatMap((area) => area.codes);
    expect([...codes].sort()).toEqual(Object.keys(FINDINGS).sort());
    // GitHub makes an anchor of a headline by writing it small.
    const anchors = [...page.matchAll(/^#{2,3} (.+)$/gm)].map(([, text = '']) =>
      text.toLowerCase().replaceAll(' ', '-'),
    );
    expect(new Set(anchors).size).toBe(anchors.length);
    for (const code of codes) {
      expect(anchors).toContain(findingUrl(code).split('#')[1]);
      expect(page).toContain(`| [${code}](#${code.toLowerCase()}) | ${FINDINGS[code].severity} |`);
    }
  });

  test('lists the codes of an area in alphabetical order', () => {
    for (const { codes } of findingAreas()) expect(codes).toEqual([...codes].sort());
  });
});

describe('every code has a fixture that raises it', () => {
  const run = (file: string, ...codes: string[]) => ({ file, codes });
  const texts = new Map([
    ['a.test.ts', "expect(codes).toEqual(['BACKUP_ONE'])"],
    ['b.test.ts', "expect(codes).toEqual(['BACKUP_ONE_MORE'])"],
  ]);
  const textOf = (file: string): string => texts.get(file) ?? '';

  test('a complete run is judged by the reporter', () => {
    expect(vitestConfig.test?.reporters).toContain('./test/support/raised-reporter.ts');
  });

  test('a code counts where it is raised and named', () => {
    const runs = [run('a.test.ts', 'BACKUP_ONE'), run('b.test.ts', 'BACKUP_ONE')];
    expect(uncovered(['BACKUP_ONE'], runs, textOf, new Map())).toEqual([]);
  });

  test.each([
    ['that nothing raises', [run('a.test.ts')], 'BACKUP_ONE: no test has a fixture'],
    ['that is raised and not named', [run('b.test.ts', 'BACKUP_ONE')], 'named there in no asser'],
  ])('a code %s does not', (_, runs, problem) => {
    expect(uncovered(['BACKUP_ONE'], runs, textOf, new Map())).toEqual([
      expect.stringContaining(problem),
    ]);
  });

  test('a code that only real tools raise has a reason, and is taken out when others do', () => {
    const real = new Map([['BACKUP_ONE', 'Velero alone does this']]);
    expect(uncovered(['BACKUP_ONE'], [], textOf, real)).toEqual([]);
    const runs = [run('a.test.ts', 'BACKUP_ONE')];
    expect(uncovered(['BACKUP_ONE'], runs, textOf, real)).toHaveLength(1);
    for (const [code, reason] of REAL_ONLY) {
      expect(Object.keys(FINDINGS)).toContain(code);
      expect(reason.length).toBeGreaterThan(20);
    }
  });

  test('helpers count as the text of a test; comments and what is denied do not', () => {
    const text = textWithHelpers(import.meta.filename, import.meta.dirname);
    expect(text).toContain('export const REAL_ONLY');
    expect(text).not.toMatch(/^ *\/\//m);
    expect(text).not.toMatch(/expect\(.*\)\.not\./);
    expect(text).not.toMatch(/^export const FINDINGS/m);
  });

  test('what a test builds by itself is not noted as raised', ({ task }) => {
    // Tests above have built findings.
    expect(task.file.meta.raised).toEqual([]);
  });
});
