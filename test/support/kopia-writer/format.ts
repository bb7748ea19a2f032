/** The blobs that say how a repository is made: written, opened and changed. */
import { formatKeyOf, type Kdf, type Keys, sealFormatBlock, unsealFormatBlock } from './keys.ts';
import type { RandomBytes } from './random.ts';

export const HASHES = [
  'BLAKE2B-256-128',
  'BLAKE2B-256',
  'BLAKE2S-128',
  'BLAKE2S-256',
  'BLAKE3-256',
  'BLAKE3-256-128',
  'HMAC-SHA224',
  'HMAC-SHA256',
  'HMAC-SHA256-128',
  'HMAC-SHA3-224',
  'HMAC-SHA3-256',
] as const;

export const ENCRYPTIONS = ['AES256-GCM-HMAC-SHA256', 'CHACHA20-POLY1305-HMAC-SHA256'] as const;

/** The encrypted part of `kopia.repository`, as far as a test cares (reference 2.3). */
export interface FormatConfig {
  hash: string;
  encryption: string;
  /** Base64. */
  secret?: string;
  masterKey: string;
  version: number;
  indexVersion: number;
  maxPackSize: number;
  enablePasswordChange: boolean;
  epochParameters: { Enabled: boolean; [member: string]: unknown };
  [member: string]: unknown;
}

export interface FormatChoices {
  readonly hash?: (typeof HASHES)[number];
  readonly encryption?: (typeof ENCRYPTIONS)[number];
  /** Default 3. Version 1 brings index version 1, no epochs and a password that stays. */
  readonly version?: 1 | 2 | 3;
  /** Of any length; `'none'` leaves it out. Default 32 bytes. */
  readonly secret?: Uint8Array | 'none';
  /** Further or other members of the encrypted part. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export function formatConfig(choices: FormatChoices, random: RandomBytes): FormatConfig {
  const { version = 3, secret = random(32) } = choices;
  const modern = version > 1;
  const epochs = {
    Enabled: modern,
    EpochRefreshFrequency: modern ? 1_200_000_000_000 : 0,
    FullCheckpointFrequency: modern ? 7 : 0,
    CleanupSafetyMargin: modern ? 14_400_000_000_000 : 0,
    MinEpochDuration: modern ? 86_400_000_000_000 : 0,
    EpochAdvanceOnCountThreshold: modern ? 20 : 0,
    EpochAdvanceOnTotalSizeBytesThreshold: modern ? 10_485_760 : 0,
    DeleteParallelism: modern ? 4 : 0,
  };
  return {
    hash: choices.hash ?? 'BLAKE2B-256-128',
    encryption: choices.encryption ?? 'AES256-GCM-HMAC-SHA256',
    ...(secret !== 'none' && { secret: Buffer.from(secret).toString('base64') }),
    masterKey: random(32).toString('base64'),
    version,
    maxPackSize: 20 * 1024 * 1024,
    indexVersion: modern ? 2 : 1,
    epochParameters: epochs,
    enablePasswordChange: modern,
    splitter: 'DYNAMIC-4M-BUZHASH',
    ...choices.more,
  };
}

/** A format blob in the clear. */
export interface OpenedFormat {
  readonly outer: Record<string, unknown>;
  readonly uniqueId: Buffer;
  readonly formatKey: Buffer;
  readonly config: FormatConfig;
}

export function sealFormat(
  config: FormatConfig,
  password: string,
  uniqueId: Buffer,
  kdf: Kdf,
  random: RandomBytes,
): { readonly bytes: Buffer; readonly formatKey: Buffer } {
  const formatKey = formatKeyOf(kdf, password, uniqueId);
  const plain = Buffer.from(JSON.stringify({ format: config }));
  const outer = {
    tool: 'https://github.com/kopia/kopia',
    buildVersion: '0.23.1',
    buildInfo: 'written by a test',
    uniqueID: uniqueId.toString('base64'),
    keyAlgo: kdf,
    encryption: 'AES256_GCM',
    encryptedBlockFormat: sealFormatBlock(plain, formatKey, uniqueId, random).toString('base64'),
  };
  return { bytes: Buffer.from(`${JSON.stringify(outer, undefined, 2)}\n`), formatKey };
}

/** Opens `kopia.repository`, also a real one. Throws when the password is wrong. */
export function unsealFormat(bytes: Uint8Array, password: string): OpenedFormat {
  const outer = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, string>;
  const uniqueId = Buffer.from(outer['uniqueID'] ?? '', 'base64');
  const formatKey = formatKeyOf(outer['keyAlgo'] ?? '', password, uniqueId);
  const block = Buffer.from(outer['encryptedBlockFormat'] ?? '', 'base64');
  const text = unsealFormatBlock(block, formatKey, uniqueId).toString('utf8');
  const { format } = JSON.parse(text) as { format: FormatConfig };
  return { outer, uniqueId, formatKey, config: format };
}

/**
 * What contents and index blobs are sealed with. It is the master key also where the password cannot
 * be changed: there only `kopia.maintenance` hangs on the format key (see `maintenanceKeyOf`).
 */
export function keysOf({ config }: Pick<OpenedFormat, 'config'>): Keys {
  return {
    hash: config.hash,
    secret: config.secret === undefined ? undefined : Buffer.from(config.secret, 'base64'),
    encryption: config.encryption,
    masterKey: Buffer.from(config.masterKey, 'base64'),
  };
}

/** The key material of `kopia.maintenance`. */
export function maintenanceKeyOf({
  config,
  formatKey,
}: Pick<OpenedFormat, 'config' | 'formatKey'>): Buffer {
  return config.enablePasswordChange ? Buffer.from(config.masterKey, 'base64') : formatKey;
}
