import { isContentEncryption } from '../crypto/content-cipher.ts';
import { digestBytesOf, takesSecret } from '../crypto/content-hash.ts';
import { ECC_ALGORITHM } from '../crypto/error-correction.ts';
import type { CryptoSpec } from '../crypto/repository-crypto.ts';
import {
  bytesOf,
  countOf,
  flagOf,
  JsonFault,
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from './json-members.ts';
import type { EpochParameters, RepositoryFormat, Retention } from './repository-format.ts';

/** A configuration that is well-formed and yet not ours to open; why, without a full stop. */
export class ConfigRefusal extends Error {
  readonly code:
    | 'KOPIA_FORMAT_NEWER'
    | 'KOPIA_LEGACY_ENCRYPTION'
    | 'KOPIA_FEATURE_UNKNOWN'
    | 'KOPIA_UPGRADE_LOCKED';

  constructor(code: ConfigRefusal['code'], message: string) {
    super(message);
    this.name = 'ConfigRefusal';
    this.code = code;
  }
}

export type RepositoryConfig = Pick<
  RepositoryFormat,
  | 'hash'
  | 'encryption'
  | 'splitter'
  | 'ecc'
  | 'version'
  | 'indexVersion'
  | 'maxPackSizeBytes'
  | 'epochs'
  | 'passwordChangeable'
  | 'requiredFeatures'
  | 'warnings'
  | 'cryptoSpec'
>;

const VERSION_MAX = 3;
const INDEX_VERSION_MAX = 2;
const PACK_SIZE_BYTES_DEFAULT = 20 * 1024 * 1024;
const NS_PER_MS = 1e6;
const FEATURES = new Set(['index-v1', 'index-v2']);
/** Those of Kopia up to v0.8, which every later one refuses. */
const LEGACY_ENCRYPTION = /^(NONE|SALSA20(-HMAC)?|AES-(128|192|256)-CTR)$/;

/**
 * What the decrypted member of `kopia.repository` says. Goes by the single members: the version says
 * little of an upgraded repository (one that is locked for its upgrade says 3 and is still 1).
 * Source: Kopia v0.23.1, repo/format; made-by-0.8.4 and upgraded-1-to-3 of the fixtures.
 * @throws JsonFault, ConfigRefusal
 */
export function repositoryConfig(config: JsonObject): RepositoryConfig {
  const format = objectOf(config, 'format');
  if (format === undefined) throw new JsonFault('it has no format');
  // First what a newer Kopia put there to be understood by every older one.
  const features = requiredFeatures(listOf(format, 'requiredFeatures') ?? []);
  const version = numberUpTo(format, 'version', VERSION_MAX);
  const ecc = errorCorrection(format);
  const cryptoSpec = cryptoSpecOf(format, ecc?.overheadPercent ?? 0);
  refuseLocked(format);
  return {
    ...features,
    version,
    ...(ecc && { ecc }),
    hash: cryptoSpec.hash,
    encryption: cryptoSpec.encryption,
    cryptoSpec,
    splitter: textOf(format, 'splitter') ?? '',
    indexVersion: countOf(format, 'indexVersion')
      ? numberUpTo(format, 'indexVersion', INDEX_VERSION_MAX)
      : 1,
    maxPackSizeBytes: countOf(format, 'maxPackSize') || PACK_SIZE_BYTES_DEFAULT,
    epochs: epochParameters(objectOf(format, 'epochParameters') ?? {}),
    passwordChangeable: flagOf(format, 'enablePasswordChange') ?? false,
  };
}

/**
 * What `kopia.blobcfg` says; without one there is no retention.
 * @throws JsonFault
 */
export function retentionOf(config: JsonObject): Retention | undefined {
  const mode = textOf(config, 'retentionMode') ?? '';
  const periodMs = (countOf(config, 'retentionPeriod') ?? 0) / NS_PER_MS;
  return mode === '' || periodMs === 0 ? undefined : { mode, periodMs };
}

function requiredFeatures(required: readonly JsonObject[]) {
  const names: string[] = [];
  const warnings: string[] = [];
  for (const entry of required) {
    const name = textOf(entry, 'feature') ?? '';
    names.push(name);
    if (FEATURES.has(name)) continue;
    const otherwise = objectOf(entry, 'ifNotUnderstood') ?? {};
    const words = ['message', 'url', 'upgradeToVersion'].map((each) => textOf(otherwise, each));
    const said = words.filter((each) => each !== undefined && each !== '').join(', ');
    const sentence = `it requires the feature "${name}"${said === '' ? '' : ` (${said})`}`;
    if (flagOf(otherwise, 'warn') !== true) {
      throw new ConfigRefusal('KOPIA_FEATURE_UNKNOWN', sentence);
    }
    warnings.push(sentence);
  }
  return { requiredFeatures: names, warnings };
}

function cryptoSpecOf(format: JsonObject, eccOverheadPercent: number): CryptoSpec {
  const encryption = textOf(format, 'encryption') ?? '';
  const hash = textOf(format, 'hash') ?? '';
  if (encryption === '' || hash === '') throw new JsonFault('it names no hash or no encryption');
  if (LEGACY_ENCRYPTION.test(encryption)) {
    const message = `its contents are encrypted with "${encryption}"`;
    throw new ConfigRefusal('KOPIA_LEGACY_ENCRYPTION', message);
  }
  if (!isContentEncryption(encryption)) throw unknownName('encryption', encryption);
  if (digestBytesOf(hash) === undefined) throw unknownName('hash', hash);
  const masterKey = bytesOf(format, 'masterKey');
  if (masterKey === undefined || masterKey.length === 0) throw new JsonFault('it has no masterKey');
  const secret = bytesOf(format, 'secret');
  if (!takesSecret(hash, secret?.length ?? 0)) {
    throw new JsonFault(`its secret of ${secret?.length ?? 0} bytes does not fit "${hash}"`);
  }
  return { hash, encryption, masterKey, eccOverheadPercent, ...(secret && { secret }) };
}

function errorCorrection(format: JsonObject): RepositoryFormat['ecc'] {
  const algorithm = textOf(format, 'ecc') ?? '';
  const overheadPercent = countOf(format, 'eccOverheadPercent') ?? 0;
  if (algorithm === '' || overheadPercent === 0) return undefined;
  if (algorithm !== ECC_ALGORITHM) throw unknownName('error correction', algorithm);
  if (overheadPercent > 100) throw new JsonFault('its eccOverheadPercent is more than 100');
  return { algorithm, overheadPercent };
}

/**
 * Kopia opens a locked repository as long as an announced upgrade is far enough away; we never do:
 * whoever upgrades may rewrite every index meanwhile, and nobody announces one in practice.
 */
function refuseLocked(format: JsonObject): void {
  const lock = objectOf(format, 'upgradeLock');
  if (lock === undefined) return;
  const owner = textOf(lock, 'ownerID') ?? '';
  const since = textOf(lock, 'creationTime') ?? '';
  const message = `it is locked for an upgrade by "${owner}" since ${since}`;
  throw new ConfigRefusal('KOPIA_UPGRADE_LOCKED', message);
}

function epochParameters(parameters: JsonObject): EpochParameters {
  const ms = (name: string): number => (countOf(parameters, name) ?? 0) / NS_PER_MS;
  const count = (name: string): number => countOf(parameters, name) ?? 0;
  return {
    enabled: flagOf(parameters, 'Enabled') ?? false,
    refreshFrequencyMs: ms('EpochRefreshFrequency'),
    fullCheckpointEpochs: count('FullCheckpointFrequency'),
    cleanupSafetyMarginMs: ms('CleanupSafetyMargin'),
    minDurationMs: ms('MinEpochDuration'),
    advanceOnCount: count('EpochAdvanceOnCountThreshold'),
    advanceOnSizeBytes: count('EpochAdvanceOnTotalSizeBytesThreshold'),
    deleteParallelism: count('DeleteParallelism'),
  };
}

/** 1 to `max`: larger is newer than we know, and 0 is what nobody wrote. */
function numberUpTo(format: JsonObject, name: string, max: number): number {
  const value = countOf(format, name) ?? 0;
  if (value === 0) throw new JsonFault(`it has no ${name}`);
  if (value <= max) return value;
  throw new ConfigRefusal('KOPIA_FORMAT_NEWER', `its ${name} is ${value}, known is up to ${max}`);
}

function unknownName(what: string, name: string): ConfigRefusal {
  return new ConfigRefusal('KOPIA_FORMAT_NEWER', `its ${what} "${name}" is unknown`);
}
