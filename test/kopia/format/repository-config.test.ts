import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonFault, parseJsonObject } from '../../../shared/kopia/format/json-members.ts';
import {
  ConfigRefusal,
  repositoryConfig,
  retentionOf,
} from '../../../shared/kopia/format/repository-config.ts';
import { formatConfig } from '../../support/kopia-writer/format.ts';
import { randomFrom } from '../../support/kopia-writer/random.ts';

const config = (more: Record<string, unknown> = {}) => ({
  format: formatConfig({ more }, randomFrom('repository-config')),
});
const parse = (more: Record<string, unknown>) => repositoryConfig(config(more));

describe('repositoryConfig()', () => {
  test('takes the defaults of what old writers left out', () => {
    const { format } = config();
    const { hash, encryption, masterKey } = format;
    expect(repositoryConfig({ format: { hash, encryption, masterKey, version: 1 } })).toEqual({
      hash,
      encryption,
      splitter: '',
      version: 1,
      indexVersion: 1,
      maxPackSizeBytes: 20 * 1024 * 1024,
      passwordChangeable: false,
      requiredFeatures: [],
      warnings: [],
      epochs: {
        enabled: false,
        refreshFrequencyMs: 0,
        fullCheckpointEpochs: 0,
        cleanupSafetyMarginMs: 0,
        minDurationMs: 0,
        advanceOnCount: 0,
        advanceOnSizeBytes: 0,
        deleteParallelism: 0,
      },
      cryptoSpec: {
        hash,
        encryption,
        masterKey: Buffer.from(masterKey, 'base64'),
        eccOverheadPercent: 0,
      },
    });
  });

  test.each([
    ['KOPIA_FORMAT_NEWER', 'its version is 4', { version: 4 }],
    ['KOPIA_FORMAT_NEWER', 'its indexVersion is 3', { indexVersion: 3 }],
    ['KOPIA_FORMAT_NEWER', 'its hash "BLAKE4" is unknown', { hash: 'BLAKE4' }],
    ['KOPIA_FORMAT_NEWER', 'its hash "__proto__" is unknown', { hash: '__proto__' }],
    ['KOPIA_FORMAT_NEWER', 'its encryption "AEGIS" is unknown', { encryption: 'AEGIS' }],
    ['KOPIA_FORMAT_NEWER', 'error correction "LDPC"', { ecc: 'LDPC', eccOverheadPercent: 2 }],
    ...['NONE', 'SALSA20', 'SALSA20-HMAC', 'AES-128-CTR', 'AES-192-CTR', 'AES-256-CTR'].map(
      (name) =>
        ['KOPIA_LEGACY_ENCRYPTION', `encrypted with "${name}"`, { encryption: name }] as const,
    ),
    [
      'KOPIA_UPGRADE_LOCKED',
      'by "ann" since 2026-01-01',
      { upgradeLock: { ownerID: 'ann', creationTime: '2026-01-01T00:00:00Z' } },
    ],
    [
      'KOPIA_FEATURE_UNKNOWN',
      'the feature "index-v3" (see there, 0.99)',
      {
        version: 9,
        requiredFeatures: [
          { feature: 'index-v2' },
          {
            feature: 'index-v3',
            ifNotUnderstood: { message: 'see there', url: '', upgradeToVersion: '0.99' },
          },
        ],
      },
    ],
  ] as const)('refuses by %s where %s', (code, message, more) => {
    expect(() => parse(more)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  test('knows index-v1 and index-v2, and passes over what only warns', () => {
    const warn = { feature: 'shiny', ifNotUnderstood: { warn: true } };
    const { requiredFeatures, warnings } = parse({
      requiredFeatures: [{ feature: 'index-v1' }, { feature: 'index-v2' }, warn],
    });
    expect(requiredFeatures).toEqual(['index-v1', 'index-v2', 'shiny']);
    expect(warnings).toEqual(['it requires the feature "shiny"']);
  });

  test('has error correction only where both its members say so', () => {
    const ecc = 'REED-SOLOMON-CRC32';
    expect(parse({ ecc, eccOverheadPercent: 2 }).cryptoSpec.eccOverheadPercent).toBe(2);
    expect(parse({ ecc, eccOverheadPercent: 0 }).ecc).toBeUndefined();
    expect(parse({ ecc: '', eccOverheadPercent: 2 }).cryptoSpec.eccOverheadPercent).toBe(0);
  });

  test.each([
    ['no version', { version: 0 }],
    ['"version" is no whole number', { version: '3' }],
    ['"version" is no whole number', { version: 2.5 }],
    ['"version" is no whole number', { version: -1 }],
    ['no masterKey', { masterKey: '' }],
    ['"masterKey" is no base64', { masterKey: 'not base64' }],
    ['no hash or no encryption', { hash: null }],
    ['"secret" is no text', { secret: 7 }],
    ['secret of 0 bytes does not fit "BLAKE2S-128"', { hash: 'BLAKE2S-128', secret: null }],
    ['eccOverheadPercent', { ecc: 'REED-SOLOMON-CRC32', eccOverheadPercent: 1e9 }],
    ['"epochParameters" is no object', { epochParameters: [] }],
    ['"requiredFeatures" is no list', { requiredFeatures: [null] }],
    ['"upgradeLock" is no object', { upgradeLock: 'locked' }],
    ['"enablePasswordChange" is no true or false', { enablePasswordChange: 1 }],
  ])('refuses as no repository: %s', (message, more) => {
    expect(() => parse(more)).toThrow(JsonFault);
    expect(() => parse(more)).toThrow(message);
  });

  test('whatever the JSON is, it is a configuration or has a reason', () => {
    const names = Object.keys(config().format);
    const more = fc.dictionary(fc.constantFrom(...names, 'ecc', 'upgradeLock'), fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), more.map(config)), (value) => {
        try {
          repositoryConfig(parseJsonObject(Buffer.from(JSON.stringify(value))));
        } catch (error) {
          expect(error instanceof JsonFault || error instanceof ConfigRefusal).toBe(true);
        }
      }),
    );
  });
});

describe('retentionOf()', () => {
  test.each([
    [{}, undefined],
    [{ retentionMode: 'COMPLIANCE' }, undefined],
    [{ retentionPeriod: 86_400_000_000_000 }, undefined],
    [
      { retentionMode: 'COMPLIANCE', retentionPeriod: 31_536_000_000_000_000 },
      { mode: 'COMPLIANCE', periodMs: 365 * 86_400_000 },
    ],
  ])('of %o', (json, retention) => expect(retentionOf(json)).toEqual(retention));
});

describe('parseJsonObject()', () => {
  test('changes nothing of any object by "__proto__", and finds no member that is not there', () => {
    const text = '{"__proto__": {"format": {"version": 3}}, "constructor": 1}';
    const parsed = parseJsonObject(Buffer.from(text));
    expect(({} as Record<string, unknown>)['format']).toBeUndefined();
    expect(() => repositoryConfig(parsed)).toThrow('it has no format');
  });

  test.each([
    ['', 'no JSON'],
    ['[]', 'no JSON object'],
    ['null', 'no JSON object'],
    ['{"secret": "hush"', 'no JSON'],
    ['['.repeat(500_000), 'no JSON'],
    [`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}x`, 'no JSON'],
  ])('refuses case %#', (text, message) => {
    expect(() => parseJsonObject(Buffer.from(text))).toThrow(message);
  });

  test('a fault quotes nothing of what may be secret', () => {
    try {
      parseJsonObject(Buffer.from('{"masterKey": "hush'));
    } catch (error) {
      expect(error).toBeInstanceOf(JsonFault);
      expect(String((error as Error).stack)).not.toContain('hush');
      expect((error as Error).cause).toBeUndefined();
    }
    expect.assertions(3);
  });
});
