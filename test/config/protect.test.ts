import { describe, expect, test } from 'vitest';
import { VERIFY_DEFAULTS } from '../../shared/config/config.ts';
import { parseConfig } from '../../shared/config/load.ts';
import { changed, problemsOf } from './problems.ts';

const HOUR_MS = 3_600_000;
const MINIMAL = 'version: 1\nlocations: {}\n';
const GOOD = `version: 1
state: s3://acme-drydock/state
locations:
  main: { url: s3://acme-backups/velero }
  offsite: { url: azblob://acmebackups/velero }
  laptop: { url: s3://acme-laptops/repo, layout: kopia }
classes:
  gold: { rpo: 6h, rto: 1h }
  plain: {}
protect:
  applications:
    - { name: shop, namespaces: [shop, shop-db], class: gold }
    - { name: crm, labels: { app.kubernetes.io/part-of: crm }, rpo: 12h, locations: [main] }
    - { name: wiki, namespaces: [wiki], class: plain }
  unprotected: [scratch]
verify:
  rpo: 36h
  contentDays: 10
  proofDays: 20
  keepPoints: 2
  anomaly: { fallPercent: 30 }
  allowRetrieval: true
  schedules:
    - { name: daily, location: main, cron: "0 3 * * *", ttl: 720h0m0s }
    - { name: daily, location: offsite, cron: "CRON_TZ=Europe/Berlin @every 6h" }
  signingKey: env:DRYDOCK_SIGNING_KEY
  witnessState: { url: s3://other-account/drydock, roleArn: "arn:aws:iam::444455556666:role/witness" }
`;

describe('protect', () => {
  test('gives each application what its class or "verify" says where it is silent', () => {
    const { protect } = parseConfig(GOOD, 'drydock.yaml');
    expect(protect?.unprotected).toEqual(['scratch']);
    expect(protect?.applications).toEqual([
      {
        name: 'shop',
        namespaces: ['shop', 'shop-db'],
        labels: new Map(),
        class: 'gold',
        rpoMs: 6 * HOUR_MS,
        rtoMs: HOUR_MS,
      },
      {
        name: 'crm',
        namespaces: [],
        labels: new Map([['app.kubernetes.io/part-of', 'crm']]),
        rpoMs: 12 * HOUR_MS,
        locations: ['main'],
      },
      {
        name: 'wiki',
        namespaces: ['wiki'],
        labels: new Map(),
        class: 'plain',
        rpoMs: 36 * HOUR_MS,
      },
    ]);
  });

  test('names no applications where the file names none', () => {
    expect(parseConfig(MINIMAL, 'drydock.yaml').protect).toBeUndefined();
    const text = `${MINIMAL}protect: { unprotected: [scratch] }\n`;
    expect(parseConfig(text, 'drydock.yaml').protect).toEqual({ unprotected: ['scratch'] });
  });
});

describe('verify', () => {
  test('has defaults', () => {
    expect(parseConfig(MINIMAL, 'drydock.yaml').verify).toEqual(VERIFY_DEFAULTS);
    expect(parseConfig(`${MINIMAL}verify: {}\n`, 'drydock.yaml').verify).toEqual(VERIFY_DEFAULTS);
  });

  test('is read', () => {
    expect(parseConfig(GOOD, 'drydock.yaml').verify).toEqual({
      rpoMs: 36 * HOUR_MS,
      contentDays: 10,
      proofDays: 20,
      keepPoints: 2,
      anomaly: { fallPercent: 30, backups: 7 },
      allowRetrieval: true,
      schedules: [
        { name: 'daily', location: 'main', cron: '0 3 * * *', ttlMs: 720 * HOUR_MS },
        { name: 'daily', location: 'offsite', cron: 'CRON_TZ=Europe/Berlin @every 6h' },
      ],
      signingKey: { scheme: 'env', name: 'DRYDOCK_SIGNING_KEY' },
      witnessState: {
        location: { kind: 's3', bucket: 'other-account', prefix: 'drydock/' },
        access: { roleArn: 'arn:aws:iam::444455556666:role/witness' },
      },
    });
  });
});

describe('what does not fit', () => {
  test.each([
    ['class: gold', 'class: glod', 12, 'there is no class "glod"', 'Did you mean "gold"?'],
    ['[main] }', '[mian] }', 13, 'there is no location "mian"', 'Did you mean "main"?'],
    ['[main] }', '[laptop] }', 13, 'has the layout kopia', 'layout velero'],
    ['[main] }', '[] }', 13, 'must have at least 1 entry', ''],
    ['name: wiki', 'name: shop', 14, 'there is another application "shop"', 'another name'],
    [', namespaces: [wiki]', '', 14, 'has neither namespaces nor labels', 'Add "namespaces"'],
    ['[wiki]', '[Wiki]', 14, 'must consist of lower-case letters', ''],
    ['[wiki]', '[scratch]', 14, 'is also among the unprotected namespaces', 'one of the two'],
    ['part-of: crm', 'part-of: true', 13, 'must be a string, found true', 'Write it like "crm"'],
    ['part-of: crm', 'part-of: "no value!"', 13, 'must be the value of a Kubernetes label', ''],
    ['app.kubernetes.io/part-of', '"a/b/c"', 13, 'must be the key of a Kubernetes label', ''],
    ['rpo: 6h', 'rpo: 6 hours', 8, 'must be a duration above zero, like 90m', ''],
    ['rpo: 6h', 'rop: 6h', 8, 'unknown key "rop"', 'Did you mean "rpo"?'],
    ['protect:', 'protects:', 10, 'unknown key "protects"', 'Did you mean "protect"?'],
    ['proofDays: 20', 'proofDays: 8', 16, 'but a proof counts for 8', '"proofDays: 10" or more'],
    ['keepPoints: 2', 'keepPoints: 0', 20, 'must be at least 1', ''],
    ['fallPercent: 30', 'fallPercent: 100', 21, 'must be at most 99', ''],
    ['allowRetrieval: true', 'allowRetrieval: "yes"', 22, 'must be true or false, found a str', ''],
    ['location: main, cron', 'location: mian, cron', 24, 'no location "mian"', '"main"?'],
    ['location: main, cron', 'location: laptop, cron', 24, 'has the layout kopia', ''],
    ['location: offsite', 'location: main', 25, 'another schedule "daily" of "main"', ''],
    ['"0 3 * * *"', '"0 3 * *"', 24, 'must be five fields', ''],
    ['"0 3 * * *"', '"@daily twice"', 24, 'must be five fields', ''],
    ['"0 3 * * *"', `"0 3 * * ${'1,'.repeat(100)}1"`, 24, 'must have at most 200 characters', ''],
    ['env:DRYDOCK_SIGNING_KEY', 'canary', 26, 'must be a reference to a key', 'env:NAME'],
    ['s3://other-account/drydock', 's3://acme-backups/velero/w', 27, 'lies within the Velero', ''],
    ['s3://other-account/drydock', 's3://acme-drydock/state', 27, 'not apart from "state"', 'Choo'],
    ['roleArn: "arn:aws:iam', 'clientId: "x", roleArn: "arn:aws:iam', 27, 'must be a GUID', ''],
    ['s3://other-account/drydock', 'azblob://other/drydock', 27, '"roleArn" is for s3://', ''],
  ])('tells where %j went wrong as %j', (piece, by, line, message, hint) => {
    const error = problemsOf(changed(GOOD, piece, by));
    const found = error.problems.find((problem) => problem.message.includes(message));
    expect(found, error.message).toMatchObject({ line });
    expect(found?.hint ?? '').toContain(hint);
    expect(JSON.stringify(error.problems)).not.toContain('canary');
  });

  test('is told at once, also beside parts that are wrong by themselves', () => {
    const text = changed(
      changed(changed(GOOD, 'keepPoints: 2', 'keepPoints: x'), 'class: gold', 'class: g'),
      'location: offsite',
      'location: nowhere',
    );
    expect(problemsOf(text).problems.map(({ line, path }) => `${line} ${path}`)).toEqual([
      '12 protect.applications[0].class',
      '20 verify.keepPoints',
      '25 verify.schedules[1].location',
    ]);
  });
});
