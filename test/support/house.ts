import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { transformSync } from 'esbuild';

/** The rules of DESIGN section 2 as functions over files, so that each can be shown to bite. */
export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One breach, ready to read: `<path>: <what is wrong>`. */
export type Breach = string;

const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.serverless', 'coverage', '.drydock']);
const BINARY = /\.(png|jpg|gz|tgz|zip|zst|db)$/;

/** Every text file below `root` that belongs to the project, in path order. */
export function readTree(root: string, below = ''): SourceFile[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = posix.join(below, entry.name);
      if (entry.isDirectory()) {
        return NOT_OURS.has(entry.name) || entry.name === '.terraform' ? [] : readTree(root, path);
      }
      if (!entry.isFile() || BINARY.test(path)) return [];
      const bytes = readFileSync(join(root, path));
      return bytes.includes(0) ? [] : [{ path, text: bytes.toString('utf8') }];
    });
}

/** Top to bottom; an import goes to a lower row or stays in its own room. */
const FLOORS: readonly (readonly string[])[] = [
  ['verify', 'replicate', 'prune', 'drill', 'alert', 'report'],
  ['systems', 'clusters', 'ledger'],
  ['kopia', 'velero', 'snapshots'],
  ['stores', 'kubernetes', 'queues'],
  ['telemetry', 'config'],
  ['model'],
];

const STATIC_IMPORT = /^(?:import|export)\s[\w$\s{},*]*?\bfrom\s*'([^']+)'|^import\s*'([^']+)'/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*'([^']+)'\s*\)/g;

/** The specifiers that a TypeScript file imports, types included. */
export function importsOf(text: string): string[] {
  const found = [...text.matchAll(STATIC_IMPORT), ...text.matchAll(DYNAMIC_IMPORT)];
  return found.map((match) => match[1] ?? match[2] ?? '');
}

/** The code as it runs: without comments and types, so that prose may name what code may not. */
function codeOf(file: SourceFile): string {
  const loader = file.path.endsWith('.ts') ? 'ts' : 'js';
  return transformSync(file.text, { loader, target: 'node24', legalComments: 'none' }).code;
}

const isCode = (path: string): boolean => /\.(ts|mts|js|mjs|cjs)$/.test(path);
const room = (path: string): string | undefined => /^shared\/([^/]+)\//.exec(path)?.[1];
const rank = (name: string): number => FLOORS.findIndex((row) => row.includes(name));

function targetsOf(file: SourceFile): string[] {
  return importsOf(file.text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(dirname(file.path), specifier));
}

/** Imports only go down, and rooms on one floor do not know each other. */
export function floors(files: readonly SourceFile[]): Breach[] {
  return files
    .filter((file) => isCode(file.path))
    .flatMap((file) =>
      targetsOf(file)
        .filter((target) => !mayImport(file.path, target))
        .map((target) => `${file.path}: imports ${target}, which is not below it`),
    );
}

function mayImport(from: string, to: string): boolean {
  const [upper, lower] = [room(from), room(to)];
  if (upper !== undefined) {
    if (lower === undefined) return false;
    return upper === lower || (rank(upper) >= 0 && rank(upper) < rank(lower));
  }
  if (!from.startsWith('functions/')) return true;
  if (lower !== undefined) return true;
  return to.startsWith('functions/') && (entry(to) === undefined || entry(to) === entry(from));
}

/** The way in (`aws`, `azure`, `cli`) that a file of `functions/` belongs to. */
function entry(path: string): string | undefined {
  return /^functions\/(aws|azure|cli)\//.exec(path)?.[1];
}

/** A room that no floor lists has no place in the house. */
export function strayRooms(files: readonly SourceFile[]): Breach[] {
  const rooms = new Set(files.flatMap((file) => room(file.path) ?? []));
  return [...rooms].filter((name) => rank(name) < 0).map((name) => `shared/${name}: on no floor`);
}

/** Vendor SDKs: which file of `shared/` may name them. */
const VENDORS: readonly (readonly [RegExp, RegExp])[] = [
  [/^@(aws-sdk|smithy|aws-crypto)\//, /\/(aws|s3|ebs|ec2|eventbridge|sqs|sts)[^/]*(\/|\.ts$)/],
  [/^@azure\//, /\/(azure|blob|managed-disks)[^/]*(\/|\.ts$)/],
  [/^@kubernetes\//, /^shared\/kubernetes\/|\/kubernetes[^/]*(\/|\.ts$)/],
];

export function vendors(files: readonly SourceFile[]): Breach[] {
  return files
    .filter((file) => room(file.path) !== undefined)
    .flatMap((file) =>
      importsOf(file.text)
        .filter((name) => VENDORS.some(([sdk, home]) => sdk.test(name) && !home.test(file.path)))
        .map((name) => `${file.path}: imports ${name}, allowed in the vendor's own file only`),
    );
}

const OUTSIDE_WORLD: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'reads the wall clock (Date.now)'],
  [/\bnew Date\(\s*\)|\bDate\(\s*\)/, 'reads the wall clock (new Date())'],
  [/\bperformance\.now\b|\bhrtime\b/, 'reads a clock of the process'],
  [/\bprocess\s*\.\s*env\b|\bprocess\s*\[/, 'reads the environment'],
  [/\bfrom "(node:)?process"/, 'imports the process'],
];

/** Below `functions/` time and environment are arguments. */
export function outsideWorld(files: readonly SourceFile[]): Breach[] {
  return files
    .filter((file) => room(file.path) !== undefined && isCode(file.path))
    .flatMap((file) => {
      const code = codeOf(file);
      return OUTSIDE_WORLD.filter(([pattern]) => pattern.test(code)).map(
        ([, what]) => `${file.path}: ${what}`,
      );
    });
}

export function barrels(files: readonly SourceFile[]): Breach[] {
  return files
    .filter((file) => room(file.path) !== undefined && isCode(file.path))
    .filter(
      (file) =>
        /\/index\.\w+$/.test(file.path) || /^export\s[\w$\s{},*]*?\bfrom\s*'/m.test(file.text),
    )
    .map((file) => `${file.path}: passes on what another file exports`);
}

const MEASURED = /^(functions|shared|test|infra\/build)\//;
const ADAPTER = /^functions\/(aws|azure)\//;

export function lengths(files: readonly SourceFile[]): Breach[] {
  return files
    .filter((file) => MEASURED.test(file.path) && isCode(file.path))
    .flatMap((file) => {
      const lines = file.text.trimEnd().split('\n').length;
      const most = ADAPTER.test(file.path) ? 30 : 400;
      return lines > most ? [`${file.path}: ${lines} lines, at most ${most}`] : [];
    });
}

/** Written in two halves, so that this file does not find itself. */
const either = (...halves: readonly [string, string][]): string =>
  halves.map(([a, b]) => a + b).join('|');
const MARKERS = new RegExp(
  `\\b(${either(['TO', 'DO'], ['FIX', 'ME'], ['HA', 'CK'], ['X', 'XX'], ['W', 'IP'])})\\b`,
);
const SILENCERS = new RegExp(
  either(
    ['@ts-', 'ignore'],
    ['@ts-', 'expect-error'],
    ['@ts-', 'nocheck'],
    ['biome-', 'ignore'],
    ['eslint-', 'disable'],
  ),
);
const HASHES = /(^|\/)(go\.sum|package-lock\.json)$/;

export function leftovers(files: readonly SourceFile[]): Breach[] {
  const ours = files.filter((file) => !HASHES.test(file.path) && !isFixture(file.path));
  return ours.flatMap((file) => [
    ...match(file, MARKERS, 'leaves a marker'),
    ...match(file, SILENCERS, 'silences a check'),
  ]);
}

const isFixture = (path: string): boolean => path.startsWith('test/fixtures/') && !isCode(path);
/** Absolute paths only: a prefix in a bucket may be named like a folder of a machine. */
const HOME_PATHS = new RegExp(
  `(?<![\\w.-])(${either(['/ho', 'me/[a-z]'], ['/ro', 'ot/'], ['/Us', 'ers/'], ['/wo', 'rk/'])})`,
);

/** `places` are facts of the machine at hand: its home, its registries' hosts. */
export function machineTraces(files: readonly SourceFile[], places: readonly string[]): Breach[] {
  return files.flatMap((file) => [
    ...(isFixture(file.path) ? [] : match(file, HOME_PATHS, 'names a path of a machine')),
    ...places
      .filter((place) => file.text.includes(place))
      .map((place) => `${file.path}: names a place of this machine ("${place}")`),
    ...(file.path === 'package-lock.json' ? match(file, /"resolved": "http/, 'names a host') : []),
  ]);
}

function match(file: SourceFile, pattern: RegExp, what: string): Breach[] {
  return file.text
    .split('\n')
    .flatMap((line, at) => (pattern.test(line) ? [`${file.path}:${at + 1}: ${what}`] : []));
}
