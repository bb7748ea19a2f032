import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyVaultKeys, keyVaultSigner, vaultScope } from '../../functions/clients/key-vault.ts';
import { openSigner } from '../../functions/clients/signing.ts';
import { checkSignature, publicKeyVerifier, signValue } from '../../shared/ledger/signature.ts';
import { RETRY_DEFAULTS, repeating } from '../../shared/stores/retrying.ts';
import { fakeClock } from '../support/clock.ts';
import { type FakeKeyState, type FakeKeyVault, fakeKeyVault } from '../support/fake-key-vault.ts';

const TOKEN = 'canary-of-a-token';
let vault: FakeKeyVault;

beforeEach(async () => {
  vault = await fakeKeyVault(TOKEN);
});
afterEach(() => vault.close());

const access = (token = TOKEN) => ({
  credential: { getToken: async () => ({ token, expiresOnTimestamp: Number.MAX_VALUE }) },
  repeat: repeating({ ...RETRY_DEFAULTS, random: () => 0 }, fakeClock()),
});
const failure = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );

describe('keyVaultSigner()', () => {
  test('signs what whoever has the public key can check', async () => {
    const signer = await keyVaultSigner(vault.keyUrl, access());
    const verifier = publicKeyVerifier(vault.publicKey);
    expect(signer.keyId).toBe(verifier.keyId);
    // Half of the numbers have their first bit set, and some are shorter.
    for (let at = 0; at < 64; at += 1) {
      const signature = await signValue('note', { at }, signer);
      expect(await checkSignature('note', { at, signature } as object, [verifier])).toBe('good');
      const other = { at: at + 1, signature };
      expect(await checkSignature('note', other as object, [signer])).toBe('wrong');
    }
  });

  test('keeps the version that it began with', async () => {
    const signer = await keyVaultSigner(vault.keyUrl, access());
    vault.rotate();
    const signature = await signValue('note', {}, signer);
    expect(await checkSignature('note', { signature }, [signer])).toBe('good');
    const later = await keyVaultSigner(vault.keyUrl, access());
    expect(later.keyId).not.toBe(signer.keyId);
    expect(vault.requests.filter((request) => request.includes('/sign'))).toEqual([
      expect.stringMatching(/^POST \/keys\/evidence\/0{31}1\/sign\?api-version=7\.4$/),
    ]);
  });

  test('a vault that is busy is asked again', async () => {
    vault.become('throttled-once');
    const signer = await keyVaultSigner(vault.keyUrl, access());
    vault.become('throttled-once');
    expect((await signer.sign(Buffer.from('x'))).length).toBeGreaterThan(64);
  });

  test.each<[FakeKeyState, object]>([
    ['denied', { code: 'denied', hint: expect.stringContaining('Key Vault Crypto User') }],
    ['reset', { code: 'unreachable' }],
    ['redirected', { code: 'unreachable' }],
    ['disabled', { code: 'denied', message: expect.stringContaining('KeyDisabled') }],
  ])('%j: no signature, and why', async (state, expected) => {
    const signer = await keyVaultSigner(vault.keyUrl, access());
    vault.become(state);
    const error = await failure(signer.sign(Buffer.from('x')));
    expect(error).toMatchObject(expected);
    expect(String(error)).not.toContain(TOKEN);
  });

  test('what cannot sign is refused at once', async () => {
    for (const state of ['refused-as-disabled', 'purged'] as const) {
      vault.become(state);
      const error = await failure(keyVaultSigner(vault.keyUrl, access()));
      expect(error).toMatchObject({ code: 'SIGNING_KEY_INVALID', failure: 'usage' });
    }
    const other = await fakeKeyVault(TOKEN, 'secp384r1');
    const error = await failure(keyVaultSigner(other.keyUrl, access()));
    await other.close();
    expect(error).toMatchObject({ hint: expect.stringContaining('--curve P-256') });
    const refused = await failure(keyVaultSigner(vault.keyUrl, access('another')));
    expect(refused).toMatchObject({ code: 'denied' });
  });

  test('a token is for the vaults of its cloud', () => {
    const scopes = ['a.vault.azure.net', 'b.managedhsm.azure.net', 'c.vault.azure.cn'].map((host) =>
      vaultScope(`https://${host}/keys/k`),
    );
    expect(scopes).toEqual([
      'https://vault.azure.net/.default',
      'https://managedhsm.azure.net/.default',
      'https://vault.azure.cn/.default',
    ]);
  });
});

describe('keyVaultKeys()', () => {
  const deletedUntil = new Date('2027-01-01T00:00:00Z');

  test.each<[FakeKeyState, object]>([
    ['enabled', { state: 'enabled' }],
    ['disabled', { state: 'disabled' }],
    ['refused-as-disabled', { state: 'disabled' }],
    [{ deletedUntil }, { state: 'pending-deletion', deletionAt: deletedUntil }],
    ['purged', { state: 'unavailable' }],
  ])('%j', async (state, value) => {
    vault.become(state);
    const answer = await keyVaultKeys(access())(vault.keyUrl);
    expect(answer).toEqual({ outcome: 'told', value: { id: vault.keyUrl, ...value } });
  });

  test('denied or not reached is nothing that is known of the key', async () => {
    vault.become('denied');
    expect(await keyVaultKeys(access())(vault.keyUrl)).toEqual({
      ...{ outcome: 'unchecked', reason: 'access denied' },
      hint: `Grant "Key Vault Reader" on the key ${vault.keyUrl}`,
    });
    vault.become('reset');
    expect(await keyVaultKeys(access())(vault.keyUrl)).toMatchObject({ outcome: 'unchecked' });
  });
});

test('openSigner() takes a key in PEM by its reference', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
    publicKeyEncoding: { format: 'pem', type: 'spki' },
  });
  const context = { env: { KEY: privateKey }, clock: fakeClock() };
  const signer = await openSigner({ scheme: 'env', name: 'KEY' }, context);
  expect(signer.keyId).toBe(publicKeyVerifier(publicKey).keyId);
});
