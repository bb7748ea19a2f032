import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';
import { s3Error } from './errors.ts';

export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** What S3 keeps with an object: `value` in base64, with `-<parts>` when composite. */
export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

const DIGEST_SIZE_BYTES: Record<ChecksumAlgorithm, number> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

/**
 * Computed with the SDK's own code and Node's, not with the code under test.
 * @returns base64, most significant byte first.
 */
export async function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Promise<string> {
  switch (algorithm) {
    case 'CRC32': {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(crc32(bytes));
      return digest.toString('base64');
    }
    case 'CRC32C':
    case 'CRC64NVME': {
      const hash = algorithm === 'CRC32C' ? new Crc32c() : new Crc64Nvme();
      hash.update(bytes);
      return Buffer.from(await hash.digest()).toString('base64');
    }
    case 'SHA1':
    case 'SHA256':
      return createHash(algorithm).update(bytes).digest('base64');
  }
}

export function parseAlgorithm(value: string): ChecksumAlgorithm {
  const found = CHECKSUM_ALGORITHMS.find((name) => name === value.toUpperCase());
  if (found === undefined) {
    throw s3Error('InvalidRequest', {}, 'Checksum algorithm provided is unsupported.');
  }
  return found;
}

type Lookup = (name: string) => string | undefined;

/** The one `x-amz-checksum-<algorithm>` among headers or trailers, checked for its form. */
export function announcedChecksum(
  lookup: Lookup,
): { algorithm: ChecksumAlgorithm; value: string } | undefined {
  const given = CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
    const name = `x-amz-checksum-${algorithm.toLowerCase()}`;
    const value = lookup(name);
    return value === undefined ? [] : [{ algorithm, name, value }];
  });
  if (given.length > 1) {
    const message =
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.';
    throw s3Error('InvalidRequest', {}, message);
  }
  const [checksum] = given;
  if (checksum === undefined) return undefined;
  const { algorithm, name, value } = checksum;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== DIGEST_SIZE_BYTES[algorithm] || bytes.toString('base64') !== value) {
    throw s3Error('InvalidRequest', {}, `Value for ${name} header is invalid.`);
  }
  return { algorithm, value };
}

/** Compares a body with the checksum and the Content-MD5 that came with it. */
export async function verifyBody(
  body: Uint8Array,
  lookup: Lookup,
): Promise<{ algorithm: ChecksumAlgorithm; value: string } | undefined> {
  const contentMd5 = lookup('content-md5');
  if (contentMd5 !== undefined) {
    const given = Buffer.from(contentMd5, 'base64');
    if (given.length !== 16) throw s3Error('InvalidDigest', { 'Content-MD5': contentMd5 });
    const computed = createHash('md5').update(body).digest();
    if (!computed.equals(given)) {
      const message = 'The Content-MD5 you specified did not match what we received.';
      const details = {
        ExpectedDigest: given.toString('hex'),
        CalculatedDigest: computed.toString('base64'),
      };
      throw s3Error('BadDigest', details, message);
    }
  }
  const announced = announcedChecksum(lookup);
  if (announced === undefined) return undefined;
  if ((await checksumOf(announced.algorithm, body)) !== announced.value) throw badDigest(announced);
  return announced;
}

export function badDigest(checksum: { algorithm: ChecksumAlgorithm }): Error {
  const name = checksum.algorithm;
  const message = `The ${name} you specified did not match the calculated checksum.`;
  return s3Error('BadDigest', {}, message);
}

/** S3's composite form: the checksum over the parts' binary checksums, and how many they are. */
export async function compositeChecksum(
  algorithm: ChecksumAlgorithm,
  parts: readonly string[],
): Promise<StoredChecksum> {
  const digests = Buffer.concat(parts.map((value) => Buffer.from(value, 'base64')));
  const value = `${await checksumOf(algorithm, digests)}-${parts.length}`;
  return { algorithm, type: 'COMPOSITE', value };
}

/** `ChecksumCRC32` and the like, as XML elements. */
export function checksumElements(checksum: StoredChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}

export function checksumHeaders(checksum: StoredChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [`x-amz-checksum-${checksum.algorithm.toLowerCase()}`]: checksum.value,
    'x-amz-checksum-type': checksum.type,
  };
}
