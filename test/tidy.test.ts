import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findingsPage } from '../infra/build/findings.ts';
import * as house from './support/house.ts';

const root = join(import.meta.dirname, '..');
const files = house.readTree(root);
const text = (path: string): string => files.find((file) => file.path === path)?.text ?? '';
const crooked = (path: string, ...lines: string[]) => [{ path, text: lines.join('\n') }];

/** Public hosts may be named; the ones that this machine was told to use instead may not. */
function placesOfThisMachine(): string[] {
  const hosts = ['npm_config_registry', 'PIP_INDEX_URL', 'GOPROXY']
    .flatMap((name) => process.env[name]?.match(/[\w-]+(\.[\w-]+)+(:\d+)?(?=\/|$)/)?.[0] ?? [])
    .filter((host) => !/^(registry\.npmjs|pypi|proxy\.golang)\.org$/.test(host));
  return [...hosts, ...[homedir(), root].filter((path) => path.split('/').length > 2)];
}

describe('the tree', () => {
  test('is read: the model, the adapters and this test are in it', () => {
    expect(files.map((file) => file.path)).toEqual(
      expect.arrayContaining(['shared/model/report.ts', 'test/tidy.test.ts', 'package.json']),
    );
  });

  const rules: readonly (readonly [string, () => house.Breach[]])[] = [
    ['imports only down, never sideways', () => house.floors(files)],
    ['has a floor for every room', () => house.strayRooms(files)],
    ['names vendor SDKs in their own file and in functions/ only', () => house.vendors(files)],
    ['reads no clock and no environment below functions/', () => house.outsideWorld(files)],
    ['has no barrel files in shared/', () => house.barrels(files)],
    ['keeps adapters within 30 lines and files within 400', () => house.lengths(files)],
    ['leaves no markers and silences no check', () => house.leftovers(files)],
    ['names no machine', () => house.machineTraces(files, placesOfThisMachine())],
  ];
  test.each(rules)('%s', (_, breaches) => expect(breaches()).toEqual([]));

  test('makes "any" an error of the linter', () => {
    expect(text('biome.json')).toMatch(/"noExplicitAny": "error"/);
  });
});

describe('each rule finds a breach', () => {
  const job = 'shared/replicate/x.ts';
  const cases: readonly (readonly [string, house.Breach[]])[] = [
    ['upward', house.floors(crooked('shared/model/x.ts', "import { a } from '../stores/s3.ts';"))],
    ['sideways', house.floors(crooked(job, "import type { a } from '../verify/a.ts';"))],
    ['out of the house', house.floors(crooked(job, "import('../../functions/wiring.ts');"))],
    [
      'from one cloud to the other',
      house.floors(crooked('functions/aws/x.ts', "import a from '../azure/x.ts';")),
    ],
    ['stray room', house.strayRooms(crooked('shared/utils/x.ts', ''))],
    ['vendor', house.vendors(crooked(job, "import {\n  S3\n} from '@aws-sdk/client-s3';"))],
    ['wall clock', house.outsideWorld(crooked(job, 'export const a = Date.now();'))],
    ['bare date', house.outsideWorld(crooked(job, 'export const a = new Date();'))],
    ['environment', house.outsideWorld(crooked(job, "export const a = process.env['A'];"))],
    ['barrel', house.barrels(crooked('shared/kopia/all.ts', "export * from './a.ts';"))],
    ['long adapter', house.lengths(crooked('functions/aws/x.ts', ...Array(31).fill('a;')))],
    ['long file', house.lengths(crooked(job, ...Array(401).fill('a;')))],
    ['marker', house.leftovers(crooked(job, `// ${'TO'}${'DO'}: later`))],
    ['silenced check', house.leftovers(crooked(job, `// biome-${'ignore'} lint: no`))],
    ['home', house.machineTraces(crooked('docs/x.md', `see /ho${'me'}/ann/x`), [])],
    ['host', house.machineTraces(crooked('docs/x.md', 'npm.example:4873'), ['npm.example:4873'])],
  ];
  test.each(cases)('%s', (_, breaches) => expect(breaches).toHaveLength(1));

  test('but prose may name what code may not', () => {
    const prose = crooked(job, '// never Date.now() here', 'export const a = new Date(0);');
    expect(house.outsideWorld(prose)).toEqual([]);
  });
});

describe('documents', () => {
  test('CONTRIBUTING.md gives every dependency one line of reason', () => {
    const manifest = JSON.parse(text('package.json')) as Record<string, Record<string, string>>;
    const groups = ['dependencies', 'devDependencies', 'optionalDependencies'];
    const wanted = groups.flatMap((group) => Object.keys(manifest[group] ?? {})).sort();
    const [, table = ''] = text('CONTRIBUTING.md').split('## Dependencies');
    const rows = table.matchAll(/^\| `([^`]+)` \| (\S.{9,}) \|$/gm);
    expect([...rows].map((row) => row[1] ?? '').sort()).toEqual(wanted);
  });

  test('docs/findings.md is what "node infra/build/findings.ts" writes', () => {
    expect(text('docs/findings.md')).toBe(findingsPage());
  });

  test('the README names the test command that CI runs', () => {
    expect(text('.ci/run')).toContain('npm ci && npm test');
    expect(text('README.md')).toContain('npm ci && npm test');
  });

  test('the lock file holds every package that it names: npm ci refuses one that does not', () => {
    const { packages } = JSON.parse(text('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const held = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
    const named = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(named.filter((name) => !held.has(name))).toEqual([]);
  });
});
