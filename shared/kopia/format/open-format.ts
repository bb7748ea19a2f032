import { DrydockError } from '../../model/errors.ts';
import type { CallOptions, ObjectReader } from '../../stores/store.ts';
import {
  BLOB_CONFIG,
  FORMAT_BLOB,
  INDEX_PREFIXES,
  PACK_PREFIXES,
  parseBlobName,
} from '../blob-names.ts';
import {
  deriveKey,
  openFormatBlock,
  type PasswordDerivation,
  passwordDerivation,
  SALT_BYTES_MIN,
} from '../crypto/key-derivation.ts';
import { SealError } from '../crypto/seal-error.ts';
import {
  asRepository,
  FORMAT_SIZE_BYTES_MAX,
  type FormatBlob,
  readFormatBlob,
  readSmallBlob,
} from './format-blob.ts';
import { bytesOf, JsonFault, parseJsonObject, textOf } from './json-members.ts';
import {
  ConfigRefusal,
  type RepositoryConfig,
  repositoryConfig,
  retentionOf,
} from './repository-config.ts';
import type { RepositoryFormat, Retention } from './repository-format.ts';

/** What Velero gives each repository whose secret nobody made: known to everybody. */
export const VELERO_DEFAULT_PASSWORD = 'static-passw0rd';

/** The outer encryption of `kopia.repository`, the only one since Kopia 0.9. */
const FORMAT_ENCRYPTION = 'AES256_GCM';
/** A folder of foreign objects is not searched to its end for a pack. */
const SEARCHED_MAX = 1000;

const HINTS = {
  KOPIA_WRONG_PASSWORD:
    'Give the password with which this repository was made or last changed; for Velero it is "repository-password" of the secret "velero-repo-credentials"',
  KOPIA_HALF_SEEDED:
    'Let the copy come to its end, or restore kopia.repository from an older version of the object; without it nothing here can be opened',
  KOPIA_FOREIGN_BLOBCFG:
    'If a password change is under way, run again; otherwise restore the kopia.blobcfg of this repository, or remove it if there was no retention. Kopia refuses it too',
  KOPIA_UPGRADE_LOCKED:
    'Wait for the end of the upgrade, or see "kopia repository upgrade rollback"',
  KOPIA_LEGACY_ENCRYPTION:
    'Open it with Kopia 0.8, restore what is needed, and back it up into a new repository',
  KOPIA_FEATURE_UNKNOWN: 'Use a Drydock that knows this feature; nothing was checked',
  KOPIA_FORMAT_NEWER: 'Use a Drydock that knows this format; nothing was checked',
  NOT_A_REPOSITORY: `Check location and prefix; a repository has "${FORMAT_BLOB}" at its root`,
} as const;

/**
 * Opens the repository below `prefix` as far as its format goes: `kopia.repository` and
 * `kopia.blobcfg`, two reads and some 0.2 s of CPU. Source: Kopia v0.23.1, repo/format.
 * @param password taken as it is. Velero trims white space around the value of its secret; whoever
 * reads that secret must do the same.
 * @throws DrydockError `NOT_A_REPOSITORY` (nothing there, or bytes that no Kopia wrote),
 * `KOPIA_HALF_SEEDED` (packs or indexes without a format blob), `KOPIA_WRONG_PASSWORD`,
 * `KOPIA_FOREIGN_BLOBCFG`, `KOPIA_UPGRADE_LOCKED`, `KOPIA_LEGACY_ENCRYPTION`,
 * `KOPIA_FEATURE_UNKNOWN`, `KOPIA_FORMAT_NEWER` (version or algorithm); StoreError.
 */
export async function openFormat(
  reader: ObjectReader,
  prefix: string,
  password: string,
  options: CallOptions = {},
): Promise<RepositoryFormat> {
  const url = `${reader.url}/${prefix}`;
  const blob = await readFormatBlob(reader, prefix, options);
  if (blob === undefined) throw await nothingThere(reader, prefix, url, options);
  const { salt, sealed, derive, keyDerivation, formatTool } = outerFormat(url, blob);
  const formatKey = await derive(password, salt);
  options.signal?.throwIfAborted();
  const config = openConfig(url, blob, formatKey, salt, sealed);
  const retention = await readRetention(reader, prefix, formatKey, salt, options);
  // Before format 2, keys beside those of contents came from the password, not from the master key.
  const generalKey = config.passwordChangeable ? config.cryptoSpec.masterKey : formatKey;
  return {
    ...config,
    prefix,
    url,
    uniqueId: blob.uniqueId,
    keyDerivation,
    formatTool,
    ...(retention && { retention }),
    defaultPassword: password === VELERO_DEFAULT_PASSWORD,
    maintenanceKey: deriveKey(generalKey, salt, 'maintenance schedule'),
  };
}

interface OuterFormat {
  readonly salt: Buffer;
  readonly sealed: Buffer;
  readonly keyDerivation: string;
  readonly derive: PasswordDerivation;
  readonly formatTool: RepositoryFormat['formatTool'];
}

function outerFormat(url: string, blob: FormatBlob): OuterFormat {
  return asRepository(blob.url, () => {
    const { members } = blob;
    const encryption = textOf(members, 'encryption') ?? '';
    if (encryption === 'NONE') {
      throw refusal('KOPIA_LEGACY_ENCRYPTION', url, 'its format is not encrypted');
    }
    if (encryption !== FORMAT_ENCRYPTION) {
      throw refusal('KOPIA_FORMAT_NEWER', url, `its format is encrypted with "${encryption}"`);
    }
    const keyDerivation = textOf(members, 'keyAlgo') ?? '';
    const derive = passwordDerivation(keyDerivation);
    if (derive === undefined) {
      const why = `its key derivation "${keyDerivation}" is unknown`;
      throw refusal('KOPIA_FORMAT_NEWER', url, why);
    }
    const salt = bytesOf(members, 'uniqueID') ?? Buffer.alloc(0);
    if (salt.length < SALT_BYTES_MIN) throw new JsonFault('its uniqueID is too short');
    const sealed = bytesOf(members, 'encryptedBlockFormat');
    if (sealed === undefined) throw new JsonFault('it has no encryptedBlockFormat');
    const name = textOf(members, 'tool') ?? '';
    const version = textOf(members, 'buildVersion') ?? '';
    return { salt, sealed, keyDerivation, derive, formatTool: { name, version } };
  });
}

function openConfig(
  url: string,
  blob: FormatBlob,
  formatKey: Uint8Array,
  salt: Uint8Array,
  sealed: Uint8Array,
): RepositoryConfig {
  let plain: Buffer;
  try {
    plain = openFormatBlock(formatKey, salt, sealed);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw refusal('KOPIA_WRONG_PASSWORD', url, 'the password does not decrypt its format');
  }
  try {
    return asRepository(blob.url, () => repositoryConfig(parseJsonObject(plain)));
  } catch (error) {
    if (error instanceof ConfigRefusal) throw refusal(error.code, url, error.message);
    throw error;
  }
}

async function readRetention(
  reader: ObjectReader,
  prefix: string,
  formatKey: Uint8Array,
  salt: Uint8Array,
  options: CallOptions,
): Promise<Retention | undefined> {
  const key = `${prefix}${BLOB_CONFIG}`;
  const url = `${reader.url}/${key}`;
  const sealed = await readSmallBlob(reader, key, FORMAT_SIZE_BYTES_MAX, options);
  if (sealed === undefined) return undefined;
  const foreign = 'the key of this repository does not decrypt it';
  if (sealed === 'too-large') throw refusal('KOPIA_FOREIGN_BLOBCFG', url, foreign);
  let plain: Buffer;
  try {
    plain = openFormatBlock(formatKey, salt, sealed);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw refusal('KOPIA_FOREIGN_BLOBCFG', url, foreign);
  }
  return asRepository(url, () => retentionOf(parseJsonObject(plain)));
}

async function nothingThere(
  reader: ObjectReader,
  prefix: string,
  url: string,
  options: CallOptions,
): Promise<DrydockError> {
  for (const letter of [...PACK_PREFIXES, ...INDEX_PREFIXES]) {
    let searched = 0;
    for await (const { key } of reader.list(`${prefix}${letter}`, options)) {
      if (parseBlobName(key.slice(prefix.length)).kind !== 'unknown') {
        const why = `it has packs or indexes, but no ${FORMAT_BLOB}`;
        return refusal('KOPIA_HALF_SEEDED', url, why);
      }
      searched += 1;
      if (searched >= SEARCHED_MAX) break;
    }
  }
  return refusal('NOT_A_REPOSITORY', url, `there is no ${FORMAT_BLOB}`);
}

function refusal(code: keyof typeof HINTS, url: string, why: string): DrydockError {
  return new DrydockError('operation', code, `Cannot open "${url}": ${why}`, { hint: HINTS[code] });
}
