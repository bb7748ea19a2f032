import { describe, expect, test } from 'vitest';
import { nearest } from '../../shared/config/nearest.ts';
import { parseSecretReference, resolveSecret } from '../../shared/config/secret.ts';

describe('parseSecretReference()', () => {
  test.each([
    ['env:NAME', { scheme: 'env', name: 'NAME' }],
    ['file:/run/secrets/key', { scheme: 'file', path: '/run/secrets/key' }],
    ['file:///run/key', { scheme: 'file', path: '/run/key' }],
    ['env:', undefined],
    ['env:1X', undefined],
    ['file:relative', undefined],
    ['vault:x', undefined],
    ['hunter2', undefined],
  ])('of %s', (text, expected) => {
    expect(parseSecretReference(text)).toEqual(expected);
  });
});

describe('resolveSecret()', () => {
  const sources = {
    env: { KEY: 'canary', EMPTY: '' },
    readFile: async (path: string) => {
      if (path === '/key') return 'canary\n';
      if (path === '/empty') return '\n';
      throw new Error(`ENOENT ${path}`);
    },
  };

  test('reads the environment and files, without the line end of a file', async () => {
    expect(await resolveSecret({ scheme: 'env', name: 'KEY' }, sources)).toBe('canary');
    expect(await resolveSecret({ scheme: 'file', path: '/key' }, sources)).toBe('canary');
  });

  test.each([
    [{ scheme: 'env', name: 'ABSENT' } as const, 'env:ABSENT', 'not set'],
    [{ scheme: 'env', name: 'EMPTY' } as const, 'env:EMPTY', 'not set'],
    [{ scheme: 'file', path: '/absent' } as const, 'file:/absent', 'cannot be read'],
    [{ scheme: 'file', path: '/empty' } as const, 'file:/empty', 'is empty'],
  ])('names the reference %o when it leads nowhere', async (reference, shown, reason) => {
    const error = await resolveSecret(reference, sources).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'SECRET_UNRESOLVED', failure: 'usage' });
    expect(String(error)).toContain(`"${shown}"`);
    expect(String(error)).toContain(reason);
  });
});

describe('nearest()', () => {
  const keys = ['url', 'layout', 'roleArn', 'tenantId', 'clientId', 'accountKey'];
  test.each([
    ['layot', 'layout'],
    ['LAYOUT', 'layout'],
    ['rolearn', 'roleArn'],
    ['urk', 'url'],
    ['ulr', 'url'],
    ['tenant', 'tenantId'],
    ['zzz', undefined],
    ['password', undefined],
  ])('to %s is %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });
});
