import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../functions/version.ts';
import { configJsonSchema } from '../../shared/config/schema.ts';
import { drydock, folder, LAUNCHER, parsed } from './drydock.ts';
import { drydockHere } from './drydock-here.ts';

const COMMANDS = [
  ['config'],
  ['config', 'validate'],
  ['config', 'schema'],
  ['init'],
  ['replicate'],
];

describe('drydock', () => {
  test('shows its help with examples and exit codes, and ends with 0', async () => {
    const { code, stdout, stderr } = await drydock(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const part of ['Usage: drydock', 'Examples:', 'Exit codes:', '130', 'replicate', 'init']) {
      expect(stdout).toContain(part);
    }
  });

  test.each(COMMANDS)('shows the help of "%s"', async (command) => {
    const { code, stdout } = await drydockHere([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: drydock ${command}`);
    if (command !== 'config') expect(stdout).toContain('Examples:');
    expect(stdout).toContain('--output <format>');
  });

  test('without a command shows its help on stderr and ends with 2', async () => {
    const { code, stdout, stderr } = await drydock([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: drydock');
  });

  test('tells its version, that of package.json', async () => {
    const text = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8');
    expect(VERSION).toBe(parsed(text)['version']);
    expect(await drydock(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  test.each([
    [['replcate'], 'UNKNOWN_COMMAND', 'Did you mean replicate?'],
    [['config', 'valdate'], 'UNKNOWN_COMMAND', 'Did you mean validate?'],
    [['replicate', '--dry-rnu'], 'UNKNOWN_OPTION', 'Did you mean --dry-run?'],
    [['replicate', 'a', 'b', 'c'], 'EXCESS_ARGUMENTS', 'Run the command with --help'],
    [['replicate', '--route'], 'OPTION_MISSING_ARGUMENT', 'Run the command with --help'],
    [['--output', 'jsn', 'config', 'schema'], 'OPTION_INVALID', 'Did you mean "json"?'],
    [['config', 'validate', '--fail-on', 'eror'], 'OPTION_INVALID', 'Did you mean "error"?'],
    [['replicate', '--deadline', '10'], 'OPTION_INVALID', 'Write it like 90s, 15m, 2h'],
    [['replicate', '--deadline', '0s'], 'OPTION_INVALID', 'Write it like 90s, 15m, 2h'],
    [['replicate', '--concurrency', '0'], 'OPTION_INVALID', 'a number from 1 to 256'],
    [['replicate', '--concurrency', 'ten'], 'OPTION_INVALID', 'a number from 1 to 256'],
    [['replicate', '--layout', 'Velero'], 'OPTION_INVALID', 'Did you mean "velero"?'],
    [['replicate', 's3://acme'], 'TARGET_MISSING', '<source> <target>'],
    [['replicate', 's3://a', 's3://b', '--route', 'x'], 'ROUTE_AND_PAIR', 'either the route'],
    [['replicate', 'prod', 'replica'], 'LOCATION_UNKNOWN', 'or write a URL'],
    [['replicate', 's3://acme/v?x=1', 's3://b'], 'LOCATION_INVALID', 'It takes region'],
    [['replicate', '/srv/a', 's3://acme'], 'LOCATION_INVALID', 'file:///srv/a'],
    [['replicate', 's3://acme/v', 's3://acme/v'], 'SAME_PLACE', 'another bucket'],
    [['replicate', 's3://acme', 's3://acme/v'], 'NESTED_PLACES', 'another bucket'],
    [
      ['replicate', 's3://acme', 's3://acme-dr/v', '--state', 's3://acme/state'],
      'STATE_IN_ROOT',
      'another bucket',
    ],
    [
      ['replicate', 's3://acme/v', 's3://acme-dr/v', '--state', 's3://acme-dr/v/state'],
      'STATE_IN_ROOT',
      'another bucket',
    ],
    [
      ['replicate', 'azblob://acme/c01?endpoint=http://127.0.0.1:1', 'file:///nowhere/else'],
      'CREDENTIALS_MISSING',
      'Set AZURE_STORAGE_KEY',
    ],
    [['replicate', 's3://acme', 's3://acme-dr', '--state', 'x'], 'LOCATION_INVALID', 's3://bucket'],
    [['replicate'], 'CONFIG_NOT_FOUND', 'drydock init'],
    [['config', 'validate', '-c', 'absent.yaml'], 'CONFIG_NOT_FOUND', 'drydock init'],
  ])('refuses %j by %s and a hint', async (args, errorCode, hint) => {
    const { code, stdout, stderr } = await drydockHere(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error ${errorCode}: `));
    expect(stderr.split('\nhint: ')[1]).toContain(hint);
  });

  test('prints errors as JSON on stdout when JSON was asked for', async () => {
    for (const args of [
      ['replicate', '--dry-rnu', '--output', 'json'],
      ['--output=json', 'replicate', '--dry-rnu'],
    ]) {
      const { code, stdout, stderr } = await drydock(args);
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(parsed(stdout)).toEqual({
        schema: 'drydock/error/v1',
        error: {
          code: 'UNKNOWN_OPTION',
          failure: 'usage',
          message: "Unknown option '--dry-rnu'",
          hint: 'Did you mean --dry-run?',
        },
      });
    }
  });

  test('survives a reader that leaves early', () => {
    const script = `"$0" "$1" config schema | true; echo "|\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, LAUNCHER], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({ stdout: '|0\n', stderr: '' });
  });

  test('ends with 3, not with the code of findings, when something escapes it', async () => {
    const throwing = 'queueMicrotask(()=>{throw new TypeError("escaped")})';
    const { code, stderr } = await drydock(['config', 'schema'], {
      nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(hook(throwing))}`],
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error UNEXPECTED: TypeError: escaped\nhint: This is a defect; .*\n$/);
  });

  test('tells an old Node in one line what is needed, and ends with 2', async () => {
    const { node, nodeArgs } = oldNode();
    const { code, stdout, stderr } = await drydock(['--help'], { node, nodeArgs });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error NODE_TOO_OLD: Drydock needs Node\.js 22\.19 or newer, .*\n$/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('the launcher', () => {
  test('runs what was built where the sources are not there, or below node_modules', async () => {
    const root = await folder();
    for (const [below, sources] of [
      ['copy', false],
      ['node_modules/drydock', true],
    ] as const) {
      const [cli, dist] = [join(root, below, 'functions/cli'), join(root, below, 'dist/cli')];
      await Promise.all([cli, dist].map((path) => mkdir(path, { recursive: true })));
      await copyFile(LAUNCHER, join(cli, 'drydock.mjs'));
      await writeFile(join(dist, 'main.mjs'), 'console.log("built", process.argv[2])');
      if (sources) await writeFile(join(cli, 'main.ts'), 'console.log("sources")');
      const args = [join(cli, 'drydock.mjs'), '--help'];
      const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(stdout).toBe('built --help\n');
    }
  });
});

/** Runs `code` as soon as the command has installed its own last resort. */
function hook(code: string): string {
  return `process.on('newListener',(name)=>{if(name==='uncaughtException')${code}})`;
}

/** A real old Node where this machine has one, else this one under another version's name. */
function oldNode(): { readonly node: string; readonly nodeArgs: readonly string[] } {
  for (const node of ['/usr/bin/node', '/usr/local/bin/node']) {
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    const major = Number(/^v(\d+)/.exec(version)?.[1]);
    if (major >= 16 && major < 22) return { node, nodeArgs: [] };
  }
  const rename =
    'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';
  return {
    node: process.execPath,
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(rename)}`],
  };
}

describe('drydock config', () => {
  const GOOD = `version: 1
locations:
  prod: { url: s3://acme/velero }
  replica: { url: azblob://acmebackups/velero }
replicate:
  routes: [{ name: offsite, source: prod, target: replica }]
`;

  test('validate takes ./drydock.yaml', async () => {
    const cwd = await folder({ 'drydock.yaml': GOOD });
    expect(await drydockHere(['config', 'validate'], { cwd })).toEqual({
      code: 0,
      stdout: 'drydock.yaml is valid: 2 locations, 1 route\n',
      stderr: '',
    });
    const { stdout } = await drydockHere(['config', 'validate', '-o', 'json'], { cwd });
    expect(parsed(stdout)).toMatchObject({ valid: true, locations: 2, routes: 1, clusters: 0 });
    const more = 'clusters: { lab: { inCluster: true } }\nprotect:\n  applications:\n';
    const text = `${GOOD}${more}    - { name: shop, namespaces: [shop] }\n`;
    await writeFile(join(cwd, 'drydock.yaml'), text);
    const whole = await drydockHere(['config', 'validate'], { cwd });
    expect(whole.stdout).toContain('valid: 2 locations, 1 cluster, 1 application, 1 route\n');
  });

  test('validate names file, line, column and the nearest key of what is wrong', async () => {
    const cwd = await folder({ 'other.yaml': GOOD.replace('target: replica', 'taget: replica') });
    const { code, stdout, stderr } = await drydockHere(['config', 'validate', '-c', 'other.yaml'], {
      cwd,
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('other.yaml:6:43: replicate.routes[0]: unknown key "taget"');
    expect(stderr).toContain('Did you mean "target"?');
    expect(stderr).toContain('other.yaml:6:12: replicate.routes[0]: "target" is missing');
  });

  test('validate gives every problem as data in JSON', async () => {
    const cwd = await folder({ 'drydock.yaml': GOOD.replace('version: 1\n', '') });
    const { code, stdout } = await drydockHere(['config', 'validate', '--output', 'json'], { cwd });
    expect(code).toBe(2);
    expect(parsed(stdout)).toMatchObject({
      error: {
        code: 'CONFIG_INVALID',
        file: 'drydock.yaml',
        problems: [{ line: 1, column: 1, message: '"version" is missing; it must be 1' }],
      },
    });
  });

  test('a wrong file stops every command that reads it', async () => {
    const cwd = await folder({ 'drydock.yaml': GOOD.replace('velero }', 'velero, x: 1 }') });
    const { code, stderr } = await drydockHere(['replicate', 's3://a-b', 's3://c-d'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('unknown key "x"');
  });

  test('replicate suggests the nearest route', async () => {
    const cwd = await folder({ 'drydock.yaml': GOOD });
    const { code, stderr } = await drydockHere(['replicate', '--route', 'ofsite'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('error ROUTE_UNKNOWN: Cannot run "ofsite": no such route');
    expect(stderr).toContain('Did you mean "offsite"? Routes are offsite');
  });

  test('replicate without any route says which section is missing', async () => {
    const text = GOOD.slice(0, GOOD.indexOf('replicate:'));
    const cwd = await folder({ 'drydock.yaml': text });
    const { code, stderr } = await drydockHere(['replicate'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('error ROUTES_MISSING');
    expect(stderr).toContain('Add "replicate:');
  });

  test('schema prints the JSON Schema of the file', async () => {
    const { code, stdout } = await drydockHere(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(configJsonSchema());
  });
});
