import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { DrydockError } from '../model/errors.ts';
import { canonicalJson, sha256Hex } from './canonical.ts';

/** Says whether a signature is that of one key. */
export interface Verifier {
  /** Names the key for ever: written beside each signature. */
  readonly keyId: string;
  verify(bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** The port of whoever can sign. What is signed has some 100 bytes, as KMS and Key Vault demand. */
export interface Signer extends Verifier {
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface Signature {
  readonly keyId: string;
  /** Base64. */
  readonly value: string;
}

export type SignatureState = 'good' | 'wrong' | 'unknown-key' | 'missing';

/** Signs a value that has no `signature` yet; `purpose` keeps a signature of one kind of record from serving for another. */
export async function signValue(
  purpose: string,
  value: unknown,
  signer: Signer,
): Promise<Signature> {
  const signature = await signer.sign(signedBytes(purpose, value));
  return { keyId: signer.keyId, value: Buffer.from(signature).toString('base64') };
}

/** Whether one of the keys that the caller trusts signed all of `value` but the signature itself. */
export async function checkSignature(
  purpose: string,
  { signature, ...value }: { readonly signature?: Signature },
  trusted: readonly Verifier[],
): Promise<SignatureState> {
  if (signature === undefined) return 'missing';
  const verifier = trusted.find(({ keyId }) => keyId === signature.keyId);
  if (verifier === undefined) return 'unknown-key';
  const bytes = Buffer.from(signature.value, 'base64');
  return (await verifier.verify(signedBytes(purpose, value), bytes)) ? 'good' : 'wrong';
}

/** Says whether a value read from somewhere is a signature, or none at all. */
export function isSignature(value: unknown): value is Signature | undefined {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { keyId, value: bytes } = value as Partial<Record<keyof Signature, unknown>>;
  return typeof keyId === 'string' && typeof bytes === 'string';
}

function signedBytes(purpose: string, value: unknown): Uint8Array {
  return Buffer.from(`drydock ${purpose} sha256:${sha256Hex(canonicalJson(value))}`);
}

/**
 * @param privateKeyPem PKCS 8, as `openssl genpkey -algorithm ed25519` writes it
 * @throws DrydockError `SIGNING_KEY_INVALID`, which never quotes the key (S9)
 */
export function ed25519Signer(privateKeyPem: string): Signer {
  const key = ed25519Key(() => createPrivateKey(privateKeyPem), 'private');
  const { keyId, verify } = verifierOf(createPublicKey(key));
  return { keyId, verify, sign: async (bytes) => signBytes(null, bytes, key) };
}

/**
 * @param publicKeyPem as `openssl pkey -pubout` writes it
 * @throws DrydockError `SIGNING_KEY_INVALID`
 */
export function ed25519Verifier(publicKeyPem: string): Verifier {
  // Node makes a public key of a private one without a word: that one has no business here.
  const isPrivate = /PRIVATE KEY/.test(publicKeyPem);
  return verifierOf(
    ed25519Key(() => (isPrivate ? undefined : createPublicKey(publicKeyPem)), 'public'),
  );
}

function ed25519Key(read: () => KeyObject | undefined, what: 'private' | 'public'): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {
    key = undefined;
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  const message = `Cannot use the ${what} key: it is no ${what} ed25519 key in PEM`;
  const hint =
    what === 'private'
      ? 'Make one with "openssl genpkey -algorithm ed25519 -out key.pem"'
      : 'Make it from the private one with "openssl pkey -in key.pem -pubout -out key.pub.pem"';
  throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint });
}

function verifierOf(key: KeyObject): Verifier {
  const der = key.export({ type: 'spki', format: 'der' });
  const keyId = `ed25519:${createHash('sha256').update(der).digest('hex').slice(0, 32)}`;
  return {
    keyId,
    verify: async (bytes, signature) => verifyBytes(null, bytes, key, signature),
  };
}
