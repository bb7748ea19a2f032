import { createHash, createPublicKey } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { type Signer, type Verifier, verifierOf } from '../../shared/ledger/signature.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import type { Repeat } from '../../shared/stores/retrying.ts';
import { askSetting } from '../../shared/stores/setting-answers.ts';
import type { DescribeKey, EncryptionKey } from '../../shared/stores/settings.ts';
import type { CallOptions } from '../../shared/stores/store.ts';
import { isStoreError, StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

/**
 * Keys of Azure Key Vault and managed HSMs, over their REST API. Source: "Get Key", "Get Deleted
 * Key" and "Sign" of the Key Vault REST reference, version 7.4.
 */
const API_VERSION = '7.4';
/** No whole answer within this time is none. */
const SILENCE_MS = 30_000;

export interface VaultAccess {
  readonly credential: TokenCredential;
  readonly repeat: Repeat;
}

/** Asks a vault about a key by its URL, which must be one of Azure's: a token is sent there. */
export function keyVaultKeys(access: VaultAccess): DescribeKey {
  return (url, call = {}) =>
    askSetting(
      `"Key Vault Reader" on the key ${url}`,
      async () => {
        const state = await stateOf(url, access, call);
        return { id: url, ...state };
      },
      call,
    );
}

type KeyState = Pick<EncryptionKey, 'state' | 'deletionAt'>;

async function stateOf(url: string, access: VaultAccess, call: CallOptions): Promise<KeyState> {
  const answer = await vault(url, access, call);
  if (answer.isDisabled) return { state: 'disabled' };
  if (answer.body !== undefined) {
    const { enabled } = record(answer.body['attributes']);
    if (typeof enabled !== 'boolean') throw notUnderstood(url);
    return { state: enabled ? 'enabled' : 'disabled' };
  }
  // Gone, for good or until somebody recovers it; whether the latter takes a right of its own.
  const [, base = '', name = ''] = /^(.*)\/keys\/([^/]+)/.exec(url) ?? [];
  const deleted = await vault(`${base}/deletedkeys/${name}`, access, call).catch(
    (error: unknown) => {
      if (isStoreError(error, 'denied')) return undefined;
      throw error;
    },
  );
  if (deleted?.body === undefined) return { state: 'unavailable' };
  const seconds = deleted.body['scheduledPurgeDate'];
  const deletionAt = typeof seconds === 'number' ? new Date(seconds * 1000) : undefined;
  return { state: 'pending-deletion', ...(deletionAt && { deletionAt }) };
}

/**
 * Signs by a key of a vault on the curve P-256, and checks by its public half alone. Takes the
 * rights keys/get and keys/sign ("Key Vault Crypto User").
 *
 * @param url of the key; without a version the current one is taken once and kept
 * @throws DrydockError `SIGNING_KEY_INVALID`; StoreError when the vault does not answer or refuses
 */
export async function keyVaultSigner(url: string, access: VaultAccess): Promise<Signer> {
  const { body } = await vault(url, access, {});
  const { kid, ...jwk } = record(body?.['key']);
  const verifier = verifierOfJwk(jwk);
  // The token goes where the id points, so it may point nowhere else than below the key.
  const isOfKey = typeof kid === 'string' && (kid === url || kid.startsWith(`${url}/`));
  if (verifier === undefined || !isOfKey) {
    const message = `Cannot sign by the key "${url}": it is no enabled key on the curve P-256`;
    const hint =
      'Make one with "az keyvault key create --vault-name <vault> --name <name> --kty EC --curve P-256 --ops sign verify"';
    throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint });
  }
  return {
    ...verifier,
    async sign(bytes) {
      const value = createHash('sha256').update(bytes).digest('base64url');
      const answer = await vault(`${kid}/sign`, access, {}, { alg: 'ES256', value });
      if (answer.isDisabled) throw refusal('denied', url, '403 KeyDisabled');
      const signature = answer.body?.['value'];
      const raw = Buffer.from(typeof signature === 'string' ? signature : '', 'base64url');
      if (raw.length !== 2 * COORDINATE_SIZE_BYTES) throw notUnderstood(url);
      return derSignature(raw);
    },
  };
}

/** Keys of hardware are named apart, and are the same to whoever checks. */
function verifierOfJwk(jwk: Fields): Verifier | undefined {
  const { kty, crv, x, y } = jwk;
  if ((kty !== 'EC' && kty !== 'EC-HSM') || crv !== 'P-256') return undefined;
  if (typeof x !== 'string' || typeof y !== 'string') return undefined;
  try {
    return verifierOf(createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' }));
  } catch {
    return undefined;
  }
}

const COORDINATE_SIZE_BYTES = 32;

/** Vaults answer with both numbers as they are; the ledger keeps DER, as KMS and OpenSSL have it. */
function derSignature(raw: Buffer): Buffer {
  const parts = [0, COORDINATE_SIZE_BYTES].map((from) => {
    let number = raw.subarray(from, from + COORDINATE_SIZE_BYTES);
    while (number.length > 1 && number[0] === 0) number = number.subarray(1);
    // A first bit that is set would make it negative.
    const bytes = (number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), number]) : number;
    return Buffer.concat([Buffer.of(0x02, bytes.length), bytes]);
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

interface VaultAnswer {
  /** `undefined` when the key is proven absent. */
  readonly body: Fields | undefined;
  readonly isDisabled: boolean;
}

function vault(
  url: string,
  { credential, repeat }: VaultAccess,
  call: CallOptions,
  body?: object,
): Promise<VaultAnswer> {
  return repeat(async () => {
    try {
      const token = await credential.getToken(vaultScope(url));
      return await exchange(url, token?.token ?? '', call, body);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw error instanceof StoreError ? error : failure(error, url);
    }
  }, call);
}

/** A vault and a managed HSM of each cloud have a scope of their own, named by the host's suffix. */
export function vaultScope(url: string): string {
  return `https://${new URL(url).hostname.replace(/^[^.]+\./, '')}/.default`;
}

async function exchange(
  url: string,
  token: string,
  { signal }: CallOptions,
  body: object | undefined,
): Promise<VaultAnswer> {
  const silence = AbortSignal.timeout(SILENCE_MS);
  const response = await fetch(`${url}?api-version=${API_VERSION}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // A redirect would carry the token to wherever it points.
    redirect: 'error',
    signal: signal === undefined ? silence : AbortSignal.any([signal, silence]),
  });
  const answer = parsed(await response.text());
  if (response.status === 200 && answer !== undefined) return { body: answer, isDisabled: false };
  const { code, innererror } = record(answer?.['error']);
  const inner = record(innererror)['code'];
  if (response.status === 404 && code === 'KeyNotFound') {
    return { body: undefined, isDisabled: false };
  }
  if (inner === 'KeyDisabled') return { body: undefined, isDisabled: true };
  const names = [response.status, code, inner].filter(Boolean).join(' ');
  throw refusal(BY_STATUS[response.status] ?? 'unreachable', url, names);
}

const BY_STATUS: Readonly<Record<number, StoreErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  429: 'throttled',
};

const REASONS: Readonly<Partial<Record<StoreErrorCode, string>>> = {
  denied: 'access denied',
  throttled: 'the vault asks for a slower pace',
  invalid: 'the vault does not accept the request',
};

function refusal(code: StoreErrorCode, url: string, names: string, cause?: unknown): StoreError {
  const message = `Cannot ask the vault about "${url}": ${REASONS[code] ?? 'no usable answer'} (${names})`;
  const hint =
    'Grant the identity "Key Vault Crypto User" to sign, or "Key Vault Reader" to look, and let it through the firewall of the vault';
  return new StoreError(code, message, { cause, ...(code === 'denied' && { hint }) });
}

/** Of `@azure/identity`: nobody who could sign in was found, or Entra ID did not accept them. */
const CREDENTIAL_NAMES =
  /^(CredentialUnavailableError|(Aggregate)?AuthenticationError|AuthenticationRequiredError)$/;

/** What `fetch` or the credential throws. Never holds the token. */
function failure(error: unknown, url: string): StoreError {
  const { name, cause } = record(error);
  const { code } = record(cause);
  const isDenied = typeof name === 'string' && CREDENTIAL_NAMES.test(name);
  const shown = typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
  return refusal(isDenied ? 'denied' : 'unreachable', url, shown, error);
}

function notUnderstood(url: string): StoreError {
  return new StoreError('unreachable', `Cannot use what the vault says of "${url}"`);
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(text: string): Fields | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
