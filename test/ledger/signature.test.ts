import { expect, test } from 'vitest';
import {
  checkSignature,
  ed25519Signer,
  ed25519Verifier,
  signValue,
} from '../../shared/ledger/signature.ts';

/** The example of RFC 8410, section 10: a key that everybody knows. */
const PRIVATE = pem('PRIVATE', 'MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC');
const PUBLIC = pem('PUBLIC', 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=');

function pem(what: string, base64: string): string {
  return `-----BEGIN ${what} KEY-----\n${base64}\n-----END ${what} KEY-----\n`;
}

test('a key pair in the standard form has one id, and its signatures hold', async () => {
  const [signer, verifier] = [ed25519Signer(PRIVATE), ed25519Verifier(PUBLIC)];
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

test('what is no such key is refused', () => {
  for (const text of ['', 'x', PUBLIC]) expect(() => ed25519Signer(text)).toThrow('private');
  for (const text of ['', 'x', PRIVATE]) expect(() => ed25519Verifier(text)).toThrow('public');
});
