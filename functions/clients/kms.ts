import { createPublicKey } from 'node:crypto';
import type { KeyMetadata, KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import { type Signer, type Verifier, verifierOf } from '../../shared/ledger/signature.ts';
import { DrydockError } from '../../shared/model/errors.ts';
import { askSetting } from '../../shared/stores/setting-answers.ts';
import type { DescribeKey, EncryptionKey } from '../../shared/stores/settings.ts';
import { isStoreError, StoreError, type StoreErrorCode } from '../../shared/stores/store-error.ts';

/** Silence for this long on a connection is a broken connection. */
const SOCKET_TIMEOUT_MS = 30_000;
const CONNECTION_TIMEOUT_MS = 10_000;

export interface KmsPlace {
  readonly region: string;
  /** For emulators alone. */
  readonly endpoint?: string;
  /** The standard chain of the SDK without them. */
  readonly credentials?: KMSClientConfig['credentials'];
}

/** The client repeats what fails for the moment by itself, up to three times in all. */
async function kmsClient({ region, endpoint, credentials }: KmsPlace): Promise<KMSClient> {
  const { KMSClient } = await import('@aws-sdk/client-kms');
  return new KMSClient({
    region,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  });
}

const KEY_ARN = /^arn:aws[a-z-]*:kms:([a-z0-9-]{1,40}):\d{12}:/;

/** Asks KMS about keys: by ARN in the region that it names, else in that of `place`. */
export function kmsKeys(place: KmsPlace): DescribeKey {
  return (id, call = {}) =>
    askSetting(
      `kms:DescribeKey on ${id}, by the policy of the key as well`,
      async () => {
        const regionOfArn = KEY_ARN.exec(id)?.[1];
        const client = await kmsClient({ ...place, region: regionOfArn ?? place.region });
        const { DescribeKeyCommand } = await import('@aws-sdk/client-kms');
        const options = { ...(call.signal && { abortSignal: call.signal }) };
        try {
          const answer = await client.send(new DescribeKeyCommand({ KeyId: id }), options);
          return encryptionKey(answer.KeyMetadata);
        } catch (error) {
          const failure = kmsError(error, 'ask about', id);
          // An id without account is looked for in the caller's, which need not be the bucket's.
          const isProof = isStoreError(failure, 'not_found') && regionOfArn !== undefined;
          if (isProof) return { id, state: 'unavailable' };
          throw failure;
        } finally {
          client.destroy();
        }
      },
      call,
    );
}

/** Source: "Key states of AWS KMS keys", KMS Developer Guide. */
const STATES = new Map<string | undefined, EncryptionKey['state']>([
  ['Enabled', 'enabled'],
  ['Creating', 'enabled'],
  ['Updating', 'enabled'],
  ['Disabled', 'disabled'],
  ['PendingDeletion', 'pending-deletion'],
  ['PendingReplicaDeletion', 'pending-deletion'],
  ['PendingImport', 'unavailable'],
  ['Unavailable', 'unavailable'],
]);

function encryptionKey(metadata: KeyMetadata | undefined): EncryptionKey {
  const state = STATES.get(metadata?.KeyState);
  if (metadata?.Arn === undefined || state === undefined) {
    throw new StoreError('unreachable', 'Cannot use what KMS says of the key');
  }
  const { Arn: id, DeletionDate: deletionAt } = metadata;
  return { id, state, ...(deletionAt !== undefined && { deletionAt }) };
}

const CREATE_HINT =
  'Make one with "aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY"';

/**
 * Signs by a key of KMS, P-256 or ed25519, and checks by its public half alone. Takes the rights
 * kms:GetPublicKey and kms:Sign.
 *
 * @throws DrydockError `SIGNING_KEY_INVALID`; StoreError when KMS does not answer or refuses
 */
export async function kmsSigner(arn: string, place: KmsPlace): Promise<Signer> {
  const { GetPublicKeyCommand, SignCommand } = await import('@aws-sdk/client-kms');
  const client = await kmsClient(place);
  const key = await client
    .send(new GetPublicKeyCommand({ KeyId: arn }))
    .catch((error: unknown) => Promise.reject(kmsError(error, 'get the public half of', arn)));
  const verifier = key.KeyUsage === 'SIGN_VERIFY' ? verifierOfDer(key.PublicKey) : undefined;
  if (verifier === undefined) {
    const message = `Cannot sign by the key "${arn}": it is no P-256 or ed25519 key for signing`;
    throw new DrydockError('usage', 'SIGNING_KEY_INVALID', message, { hint: CREATE_HINT });
  }
  const isEd25519 = verifier.keyId.startsWith('ed25519:');
  // The key itself, since an alias may point to another one tomorrow.
  const by = {
    KeyId: key.KeyId ?? arn,
    SigningAlgorithm: isEd25519 ? 'ED25519_SHA_512' : 'ECDSA_SHA_256',
    MessageType: 'RAW',
  } as const;
  return {
    ...verifier,
    async sign(bytes) {
      const signed = await client
        .send(new SignCommand({ ...by, Message: bytes }))
        .catch((error: unknown) => Promise.reject(kmsError(error, 'sign by', arn)));
      if (signed.Signature === undefined) {
        throw new StoreError('unreachable', `Cannot sign by the key "${arn}": an empty answer`);
      }
      return signed.Signature;
    },
  };
}

function verifierOfDer(der: Uint8Array | undefined): Verifier | undefined {
  try {
    const key = Buffer.from(der ?? []);
    return verifierOf(createPublicKey({ key, format: 'der', type: 'spki' }));
  } catch {
    return undefined;
  }
}

/** KMS answers nearly everything by status 400 and a name ("Common errors", KMS API reference). */
const BY_NAME: readonly (readonly [RegExp, StoreErrorCode])[] = [
  [/^NotFoundException$/, 'not_found'],
  [
    /^(AccessDenied|ExpiredToken|UnrecognizedClient|InvalidSignature|InvalidClientTokenId)/,
    'denied',
  ],
  [/^(CredentialsProviderError|TokenProviderError|IncompleteSignature)/, 'denied'],
  [/^(Throttling|LimitExceeded|TooManyRequests)/, 'throttled'],
  [/^(DisabledException|KMSInvalidState|KeyUnavailable)/, 'denied'],
];

const REASONS: Readonly<Partial<Record<StoreErrorCode, string>>> = {
  not_found: 'there is no such key',
  denied: 'access denied',
  throttled: 'KMS asks for a slower pace',
};

function kmsError(error: unknown, verb: string, id: string): StoreError {
  if (error instanceof StoreError) return error;
  const { name = 'unknown', code = '' } = error as { name?: string; code?: string };
  const known = BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? 'unreachable';
  const reason = REASONS[known] ?? 'no usable answer';
  const message = `Cannot ${verb} the key "${id}": ${reason} (${code || name})`;
  const hint = HINTS[known];
  return new StoreError(known, message, { cause: error, ...(hint !== undefined && { hint }) });
}

const HINTS: Readonly<Partial<Record<StoreErrorCode, string>>> = {
  not_found: 'Check the account and region of the key',
  denied:
    'Grant kms:GetPublicKey and kms:Sign on the key, by its policy as well, and see that it is enabled',
};
