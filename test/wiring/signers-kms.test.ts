import { afterEach, describe, expect, test, vi } from 'vitest';
import { kmsKeys, kmsSigner } from '../../functions/clients/kms.ts';
import { openSigner } from '../../functions/clients/signing.ts';
import { parseKeyReference } from '../../shared/config/key-reference.ts';
import { checkSignature, publicKeyVerifier, signValue } from '../../shared/ledger/signature.ts';
import { fakeClock } from '../support/clock.ts';
import { type FakeKms, fakeKms, type KmsFault } from '../support/fake-kms.ts';

let kms: FakeKms;
afterEach(async () => {
  vi.unstubAllEnvs();
  await kms.close();
});

const start = async (kind: 'ed25519' | 'p256' = 'p256') => {
  kms = await fakeKms(kind);
  // Its own repetitions wait for real.
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const credentials = { accessKeyId: 'AKIAHOME', secretAccessKey: 'home-canary' };
  return { region: 'us-east-1', endpoint: kms.url, credentials };
};

describe('kmsSigner()', () => {
  test.each(['ed25519', 'p256'] as const)('signs by a key of %s', async (kind) => {
    const signer = await kmsSigner('alias/evidence', await start(kind));
    const verifier = publicKeyVerifier(kms.publicKey);
    expect(signer.keyId).toBe(verifier.keyId);
    const signature = await signValue('note', { a: 1 }, signer);
    expect(await checkSignature('note', { a: 1, signature } as object, [verifier])).toBe('good');
    expect(await checkSignature('note', { a: 2, signature } as object, [signer])).toBe('wrong');
    // By the key itself, wherever the alias points by then.
    expect(kms.requests).toEqual(['GetPublicKey alias/evidence', `Sign ${kms.arn}`]);
  });

  test.each<[KmsFault, string]>([
    [{ status: 400, type: 'AccessDeniedException' }, 'denied'],
    [{ status: 400, type: 'ExpiredTokenException' }, 'denied'],
    [{ status: 400, type: 'DisabledException' }, 'denied'],
    [{ status: 400, type: 'NotFoundException' }, 'not_found'],
    [{ status: 400, type: 'ThrottlingException' }, 'throttled'],
    [{ status: 500, type: 'KMSInternalException' }, 'unreachable'],
    ['reset', 'unreachable'],
  ])('%j: %s', async (fault, code) => {
    const place = await start();
    const signer = await kmsSigner(kms.arn, place);
    kms.setFault(() => fault);
    const failed = signer.sign(Buffer.from('x'));
    await expect(failed).rejects.toMatchObject({ code, hint: expect.any(String) });
    await expect(failed).rejects.not.toThrow('canary');
    await expect(kmsSigner(kms.arn, place)).rejects.toMatchObject({ code });
  });

  test('is what openSigner() makes of its reference', async () => {
    const { credentials } = await start();
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', kms.url);
    vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
    const reference = parseKeyReference(`awskms:${kms.arn}`);
    if (reference === undefined) throw new Error('no reference');
    const signer = await openSigner(reference, { env: process.env, clock: fakeClock() });
    expect(signer.keyId).toBe(publicKeyVerifier(kms.publicKey).keyId);
  });
});

describe('kmsKeys()', () => {
  test.each([
    ['Enabled', 'enabled'],
    ['Disabled', 'disabled'],
    ['PendingDeletion', 'pending-deletion'],
    ['PendingReplicaDeletion', 'pending-deletion'],
    ['PendingImport', 'unavailable'],
    ['Unavailable', 'unavailable'],
  ])('%s is %s', async (KeyState, state) => {
    const ask = kmsKeys(await start());
    kms.describe({ KeyState });
    expect(await ask('alias/x')).toEqual({ outcome: 'told', value: { id: kms.arn, state } });
  });

  test('tells when the key will be deleted', async () => {
    const ask = kmsKeys(await start());
    kms.describe({ KeyState: 'PendingDeletion', DeletionDate: 1_798_761_600 });
    const deletionAt = new Date('2027-01-01T00:00:00Z');
    expect(await ask(kms.arn)).toMatchObject({ value: { deletionAt } });
  });

  test.each<[KmsFault, string]>([
    [{ status: 400, type: 'AccessDeniedException' }, 'access denied'],
    [{ status: 400, type: 'ThrottlingException' }, 'slower pace'],
    [{ status: 503, type: 'DependencyTimeoutException' }, 'no usable answer'],
    ['reset', 'no usable answer'],
  ])('%j tells nothing', async (fault, words) => {
    const ask = kmsKeys(await start());
    kms.setFault(() => fault);
    const answer = await ask(kms.arn);
    expect(answer).toMatchObject({ outcome: 'unchecked', reason: expect.stringContaining(words) });
    if (words === 'access denied') {
      expect(answer).toMatchObject({ hint: expect.stringContaining('kms:DescribeKey') });
    }
  });

  test('a state that is not known yet, or none, tells nothing', async () => {
    const ask = kmsKeys(await start());
    for (const KeyState of ['Frozen', null]) {
      kms.describe({ KeyState });
      expect(await ask(kms.arn)).toMatchObject({ outcome: 'unchecked' });
    }
  });

  test('a cancelled question rethrows the reason', async () => {
    const reason = new Error('enough');
    const call = { signal: AbortSignal.abort(reason) };
    await expect(kmsKeys(await start())(kms.arn, call)).rejects.toBe(reason);
  });
});
