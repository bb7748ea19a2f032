import type { ObjectInfo, SourceStamp } from './store.ts';
import { StoreError } from './store-error.ts';

/**
 * Names of metadata. They must be C# identifiers, so no hyphens; the service compares them without
 * regard to case, and the header that carries them home has lost it.
 */
const SOURCE_ETAG = 'drydocksourceetag';
const SOURCE_MODIFIED = 'drydocksourcemodified';
/** Kopia's own: the time that it takes for the blob's, unix nanoseconds in decimal. */
const KOPIA_MTIME = 'Kopiamtime';

type Metadata = Readonly<Record<string, string>>;

/** Percent-encoded, since a header holds ASCII and an ETag of another store might be anything. */
export function sourceMetadata(source: SourceStamp | undefined): Record<string, string> {
  if (source === undefined) return {};
  const { lastModified, etag } = source;
  return {
    [KOPIA_MTIME]: `${BigInt(lastModified.getTime()) * 1_000_000n}`,
    [SOURCE_MODIFIED]: lastModified.toISOString(),
    ...(etag !== undefined && etag !== '' && { [SOURCE_ETAG]: encodeURIComponent(etag) }),
  };
}

/** `undefined` for what is no copy of ours, and for a stamp that cannot be read. */
export function sourceStamp(metadata: Metadata | undefined): SourceStamp | undefined {
  const lastModified = new Date(metadataValue(metadata, SOURCE_MODIFIED) ?? '');
  if (Number.isNaN(lastModified.getTime())) return undefined;
  const etag = metadataValue(metadata, SOURCE_ETAG);
  try {
    return { lastModified, ...(etag !== undefined && { etag: decodeURIComponent(etag) }) };
  } catch {
    return undefined;
  }
}

/** The time that Kopia, or a copy for Kopia, gave the blob; to the millisecond. */
export function kopiaTime(metadata: Metadata | undefined): Date | undefined {
  const nanoseconds = metadataValue(metadata, KOPIA_MTIME);
  if (nanoseconds === undefined || !/^-?\d{1,19}$/.test(nanoseconds)) return undefined;
  return new Date(Number(BigInt(nanoseconds) / 1_000_000n));
}

function metadataValue(metadata: Metadata | undefined, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const [key, value] of Object.entries(metadata ?? {})) {
    if (key.toLowerCase() === wanted) return value;
  }
  return undefined;
}

/** What a listing, HEAD and GET say about a blob, by the SDK's names. */
export interface BlobFacts {
  readonly etag?: string | undefined;
  readonly lastModified?: Date | undefined;
  readonly metadata?: Metadata | undefined;
  readonly accessTier?: string | undefined;
  readonly accessTierInferred?: boolean | undefined;
  /** MD5 of the whole blob. */
  readonly md5?: Uint8Array | undefined;
}

/**
 * The MD5 is the service's own of what one request brought, and for a block list the one that its
 * writer declared, each block having been checked by the service on its way.
 */
export function objectInfo(
  url: string,
  key: string,
  facts: BlobFacts,
  sizeBytes: number | undefined,
): ObjectInfo {
  const { etag, lastModified, metadata, md5 } = facts;
  if (sizeBytes === undefined || etag === undefined || lastModified === undefined) {
    const message = `Cannot use the answer about "${url}": it lacks size, ETag or time`;
    throw new StoreError('unsupported', message);
  }
  const source = sourceStamp(metadata);
  const storageClass = otherTier(facts);
  return {
    key,
    sizeBytes,
    etag: unquoted(etag),
    lastModified: kopiaTime(metadata) ?? lastModified,
    ...(storageClass !== undefined && { storageClass }),
    ...(source && { source }),
    ...(md5?.length === 16 && { checksums: { md5: Buffer.from(md5).toString('hex') } }),
  };
}

/** A tier that the account gives by default is said to be inferred. */
function otherTier({ accessTier, accessTierInferred }: BlobFacts): string | undefined {
  return accessTierInferred === true || accessTier === 'Hot' ? undefined : accessTier;
}

export function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}
