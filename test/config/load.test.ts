import { describe, expect, test } from 'vitest';
import { loadConfig, parseConfig } from '../../shared/config/load.ts';
import { changed as changedIn, problemsOf } from './problems.ts';

const ROLE = 'arn:aws:iam::111122223333:role/drydock';
const GOOD = `version: 1
state: s3://acme-drydock/state?region=eu-central-1
locations:
  prod:
    url: s3://acme-backups/velero
    roleArn: ${ROLE}
  replica:
    url: azblob://acmebackups/velero
    tenantId: 11111111-2222-3333-4444-555555555555
    clientId: 66666666-7777-8888-9999-aaaaaaaaaaaa
  lab:
    url: s3://lab/repo?endpoint=http://127.0.0.1:9000
    layout: kopia
    accessKeyId: env:LAB_ID
    secretAccessKey: file:/run/secrets/lab
replicate:
  routes:
    - { name: offsite, source: prod, target: replica, concurrency: 8 }
events: { bus: default, region: eu-central-1 }
`;

/** `GOOD` with one line replaced. */
const changed = (line: string, by: string): string => changedIn(GOOD, line, by);

describe('parseConfig()', () => {
  test('resolves names and references', () => {
    const config = parseConfig(GOOD, 'drydock.yaml');
    expect([...config.locations.keys()]).toEqual(['prod', 'replica', 'lab']);
    expect(config.routes[0]).toMatchObject({
      name: 'offsite',
      concurrency: 8,
      source: { name: 'prod', layout: 'velero', access: { roleArn: ROLE } },
      target: { name: 'replica', location: { kind: 'azblob', container: 'velero', prefix: '' } },
    });
  });

  test('keeps the reference to the password of a repository', () => {
    const text = changed(
      '    layout: kopia',
      '    layout: kopia\n    repositoryPassword: env:PASS',
    );
    expect(parseConfig(text, 'drydock.yaml').locations.get('lab')).toMatchObject({
      layout: 'kopia',
      repositoryPassword: { scheme: 'env', name: 'PASS' },
    });
  });

  test('keeps secrets as references', () => {
    expect(parseConfig(GOOD, 'drydock.yaml').locations.get('lab')?.access).toEqual({
      accessKey: {
        id: { scheme: 'env', name: 'LAB_ID' },
        secret: { scheme: 'file', path: '/run/secrets/lab' },
      },
    });
  });

  test.each([
    ['    roleArn: arn', '    rolArn: arn', 6, 'unknown key "rolArn"', 'Did you mean "roleArn"?'],
    ['locations:', 'location:', 3, 'unknown key "location"', 'Did you mean "locations"?'],
    ['    layout: kopia', '    layout: kopai', 13, 'found "kopai"', 'Did you mean "kopia"?'],
    ['concurrency: 8', 'concurrency: many', 18, 'a number, found a string', ''],
    ['concurrency: 8', 'concurrency: 0', 18, 'must be at least 1', ''],
    ['concurrency: 8', 'concurrency: 1.5', 18, 'a whole number, found a fraction', ''],
    ['source: prod', 'source: prd', 18, 'no location "prd"', 'Did you mean "prod"?'],
    [', target: replica', '', 18, '"target" is missing', 'Add "target:"'],
    ['  replica:', '  Replica:', 7, 'this name must consist of lower-case', ''],
    ['    url: azblob://acmebackups/velero', '', 7, '"url" is missing', 'Add "url:"'],
    ['azblob://acmebackups/velero', 's3://a?x=y', 8, 'unknown parameter "x"', 'It takes region'],
    ['    tenantId: 11111111', '    tenantId: 111111', 9, 'must be a GUID', ''],
    ['    layout: kopia\n', '    url: s3://b/c\n', 13, 'the same key stands twice', 'Remove one'],
    ['version: 1', 'version: 2', 1, 'this Drydock reads version 1', 'newer Drydock'],
    ['version: 1', 'version: "1"', 1, 'must be 1, found "1"', ''],
    ['version: 1\n', '', 1, '"version" is missing', 'Add "version: 1"'],
    ['state: s3:', 'state: [s3:', 3, 'no valid YAML', ''],
    ['{ bus: default', '{ bus: 3', 19, 'must be a string, found a number', ''],
  ])('tells where %j went wrong as %j', (line, by, number, message, hint) => {
    const { problems, failure } = problemsOf(changed(line, by));
    const found = problems.find((problem) => problem.message.includes(message));
    expect(found, JSON.stringify(problems)).toMatchObject({ line: number });
    expect(found?.hint ?? '').toContain(hint);
    expect(failure).toBe('usage');
  });

  test('names the file, line, column, path and the nearest key in its message', () => {
    const error = problemsOf(changed('    layout: kopia', '    layot: kopia'));
    expect(error.message).toBe('drydock.yaml:13:5: locations.lab: unknown key "layot"');
    expect(error.hint).toMatch(/^Did you mean "layout"\? Valid keys are url, layout, /);
  });

  test('tells everything at once, in the order of the file', () => {
    const error = problemsOf(`version: 1
state: s3://acme/velero/state
locations:
  prod: { url: s3://acme/velero, layot: kopia }
  other: { url: s3://acme, accountKey: env:X }
  third: { url: "s3://acme/velero/sub" }
replicate:
  routes:
    - { name: one, source: third, target: other }
    - { name: one, source: third, target: nowhere }
`);
    expect(error.problems.map(({ line, path }) => `${line} ${path}`)).toEqual([
      '2 state',
      '4 locations.prod',
      '5 locations.other.accountKey',
      '9 replicate.routes[0]',
      '10 replicate.routes[1].name',
      '10 replicate.routes[1].target',
    ]);
    expect(error.message.split('\n')).toHaveLength(7);
  });

  test.each([
    ['roleArn', 's3://acme?endpoint=http://m', 'arn:aws:iam::111122223333:role/x', undefined],
    ['roleArn', 'azblob://acme/c01', 'arn:aws:iam::111122223333:role/x', 'is for s3://'],
    ['clientId', 'azblob://acme/c01', '66666666-7777-8888-9999-aaaaaaaaaaaa', '"tenantId" beside'],
    ['accessKeyId', 's3://acme?endpoint=http://m', 'env:X', '"secretAccessKey" beside'],
    ['accountKey', 'azblob://acme/c01', 'env:X', 'only for stores with an "endpoint"'],
    ['accountKey', 'azblob://acme/c01?endpoint=http://m', 'env:X', undefined],
  ])('judges %s at %s', (key, url, value, message) => {
    const text = `version: 1\nlocations:\n  here: { url: "${url}", ${key}: "${value}" }\n`;
    if (message === undefined) parseConfig(text, 'drydock.yaml');
    else expect(problemsOf(text).message).toContain(message);
  });

  test('never shows what stands where a reference to a secret belongs', () => {
    for (const canary of ['hunter2canary', 'canary:hunter2', 'awssecret:canary', 'env:', '42']) {
      const error = problemsOf(
        changed('secretAccessKey: file:/run/secrets/lab', `secretAccessKey: "${canary}"`),
      );
      expect(error.message).toContain('must be a reference to a secret');
      expect(error.hint).toContain('env:NAME or file:/path');
      expect(JSON.stringify([error.message, error.hint, error.problems])).not.toContain('canary');
    }
  });

  test.each([
    ['an empty file', '', 'CONFIG_INVALID', 'the file is empty'],
    ['only a comment', '# nothing\n', 'CONFIG_INVALID', 'the file is empty'],
    ['a list', '- version: 1\n', 'CONFIG_INVALID', 'must be a map, found a list'],
    ['two documents', 'version: 1\n---\nversion: 1\n', 'CONFIG_SYNTAX', 'several documents'],
    ['a tab', 'locations:\n\tprod: {}\n', 'CONFIG_SYNTAX', 'tab'],
    ['an open quote', 'state: "canary\nversion: 1\n', 'CONFIG_SYNTAX', 'no valid YAML'],
    ['an unknown alias', 'version: *one\n', 'CONFIG_SYNTAX', 'has no anchor'],
    ['a polluting key', 'version: 1\n__proto__: { x: 1 }\n', 'CONFIG_SYNTAX', '__proto__'],
    ['deep nesting', 'a: ['.repeat(50_000), 'CONFIG_SYNTAX', 'nested too deeply'],
    ['a huge file', ' '.repeat(1024 * 1024 + 1), 'CONFIG_SYNTAX', 'larger than 1 MiB'],
    [
      'an alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1]\n${'bcdef'
        .split('')
        .map((name, at) => `${name}: &${name} [${`*${'abcde'[at]},`.repeat(9)}]\n`)
        .join('')}`,
      'CONFIG_SYNTAX',
      'unfold to too much',
    ],
  ])('refuses %s', (_, text, code, message) => {
    const error = problemsOf(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('canary');
    expect(error.message.length).toBeLessThan(1000);
  });
});

describe('loadConfig()', () => {
  test('tells an absent file from one that cannot be read', async () => {
    const failing = (code: string) => () =>
      Promise.reject(Object.assign(new Error(code), { code }));
    await expect(loadConfig('a.yaml', failing('ENOENT'))).rejects.toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      failure: 'usage',
      hint: expect.stringContaining('drydock init'),
    });
    await expect(loadConfig('a.yaml', failing('EACCES'))).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
    });
  });
});
