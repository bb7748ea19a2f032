import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  checkSignature,
  ed25519Signer,
  publicKeyVerifier,
  signValue,
} from '../../shared/ledger/signature.ts';

/** The example of RFC 8410, section 10: a key that everybody knows. */
const PRIVATE = pem('PRIVATE', 'MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC');
const PUBLIC = pem('PUBLIC', 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=');

function pem(what: string, base64: string): string {
  return `-----BEGIN ${what} KEY-----\n${base64}\n-----END ${what} KEY-----\n`;
}

test('a key pair in the standard form has one id, and its signatures hold', async () => {
  const [signer, verifier] = [ed25519Signer(PRIVATE), publicKeyVerifier(PUBLIC)];
  expect(signer.keyId).toBe(verifier.keyId);
  const value = { b: [1, 2], a: 'x' };
  const signature = await signValue('note', value, signer);
  const check = (purpose: string, signed: object) => checkSignature(purpose, signed, [verifier]);
  expect(await check('note', { a: 'x', b: [1, 2], signature })).toBe('good');
  expect(await check('other', { ...value, signature })).toBe('wrong');
  expect(await check('note', { ...value, a: 'y', signature })).toBe('wrong');
  expect(await check('note', value)).toBe('missing');
  expect(await checkSignature('note', { ...value, signature }, [])).toBe('unknown-key');
  for (const forged of ['', '!', 'AAAA', Buffer.alloc(64).toString('base64')]) {
    const other = { ...signature, value: forged };
    expect(await check('note', { ...value, signature: other })).toBe('wrong');
  }
});

test('a signature by a P-256 key, as KMS and Key Vault make them, holds', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const verifier = publicKeyVerifier(`${publicKey.export({ format: 'pem', type: 'spki' })}`);
  expect(verifier.keyId).toMatch(/^ecdsa-p256:[0-9a-f]{32}$/);
  const signer = {
    ...verifier,
    sign: async (bytes: Uint8Array) => sign('sha256', bytes, privateKey),
  };
  const signature = await signValue('note', { a: 1 }, signer);
  expect(await checkSignature('note', { a: 1, signature } as object, [verifier])).toBe('good');
  for (const forged of ['', '!', 'AAAA', Buffer.alloc(64).toString('base64')]) {
    const signed = { a: 1, signature: { ...signature, value: forged } };
    expect(await checkSignature('note', signed, [verifier])).toBe('wrong');
  }
});

test('what is no such key is refused', () => {
  for (const text of ['', 'x', PUBLIC]) expect(() => ed25519Signer(text)).toThrow('private');
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 1024,
    publicKeyEncoding: { format: 'pem', type: 'spki' },
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
  });
  for (const text of ['', 'x', PRIVATE, rsa.publicKey]) {
    expect(() => publicKeyVerifier(text)).toThrow('public');
  }
});
