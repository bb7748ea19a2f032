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
  const key = readKey(() => createPrivateKey(privateKeyPem));
  const verifier =
    key?.asymmetricKeyType === 'ed25519' ? verifierOf(createPublicKey(key)) : undefined;
  if (key !== undefined && verifier !== undefined) {
    return { ...verifier, sign: async (bytes) => signBytes(null, bytes, key) };
  }
  const message = 'Cannot use the private key: it is no private ed25519 key in PEM';
  const hint = 'Make one with "openssl genpkey -algorithm ed25519 -out key.pem"';
  throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint });
}

/**
 * @param publicKeyPem of an ed25519 key as `openssl pkey -pubout` writes it, or of a P-256 key of
 * KMS or Key Vault
 * @throws DrydockError `SIGNING_KEY_INVALID`
 */
export function publicKeyVerifier(publicKeyPem: string): Verifier {
  // Node makes a public key of a private one without a word: that one has no business here.
  const isPrivate = /PRIVATE KEY/.test(publicKeyPem);
  const key = isPrivate ? undefined : readKey(() => createPublicKey(publicKeyPem));
  const verifier = key === undefined ? undefined : verifierOf(key);
  if (verifier !== undefined) return verifier;
  const message = 'Cannot use the public key: it is no public ed25519 or P-256 key in PEM';
  const hint =
    'Make it from the private one with "openssl pkey -in key.pem -pubout -out key.pub.pem", or have KMS or Key Vault give it out';
  throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint });
}

/**
 * Of a public key; `undefined` when it is neither ed25519 nor P-256. Signatures by P-256 are of
 * SHA-256 and in DER, as OpenSSL takes them too.
 */
export function verifierOf(key: KeyObject): Verifier | undefined {
  const kind = kindOf(key);
  if (kind === undefined) return undefined;
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    keyId: `${kind}:${createHash('sha256').update(der).digest('hex').slice(0, 32)}`,
    verify: async (bytes, signature) =>
      verifyBytes(kind === 'ed25519' ? null : 'sha256', bytes, key, signature),
  };
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'ed25519') return 'ed25519';
  const isP256 = asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return asymmetricKeyType === 'ec' && isP256 ? 'ecdsa-p256' : undefined;
}

function readKey(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
