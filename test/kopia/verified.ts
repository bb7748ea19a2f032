import { createHash } from 'node:crypto';
import {
  createRepositoryCrypto,
  type RepositoryCrypto,
} from '../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../shared/kopia/format/open-format.ts';
import type { RepositoryFormat } from '../../shared/kopia/format/repository-format.ts';
import {
  type KopiaVerification,
  type VerifyOptions,
  verifyRepository,
} from '../../shared/kopia/verification.ts';
import { verifyOpened } from '../../shared/kopia/verify/run.ts';
import { collect } from '../../shared/stores/checksum.ts';
import type { ObjectReader } from '../../shared/stores/store.ts';

/** A moment after all fixtures were made, and before their maintenance is overdue. */
export const NOW = new Date('2026-11-21T12:00:00Z');

const opened = new Map<string, { format: RepositoryFormat; crypto: RepositoryCrypto }>();

/**
 * `verifyRepository`, deriving the key of each format blob once: that takes longer than all the rest
 * of a small repository.
 */
export async function verified(
  reader: ObjectReader,
  prefix: string,
  password: string,
  options: Partial<VerifyOptions> & Pick<VerifyOptions, 'level'>,
): Promise<KopiaVerification> {
  const all = { now: NOW, ...options };
  const hash = createHash('sha256').update(`${prefix} ${password} `);
  for (const name of ['kopia.repository', 'kopia.blobcfg']) {
    if ((await reader.stat(`${prefix}${name}`)) === undefined) continue;
    hash.update(await collect((await reader.read(`${prefix}${name}`)).body)).update(name);
  }
  const key = hash.digest('hex');
  let known = opened.get(key);
  if (known === undefined) {
    try {
      const format = await openFormat(reader, prefix, password);
      known = { format, crypto: await createRepositoryCrypto(format.cryptoSpec) };
      opened.set(key, known);
    } catch {
      return verifyRepository(reader, prefix, password, all);
    }
  }
  const url = `${reader.url}/${prefix}`;
  return verifyOpened({ reader, ...known, url, options: all });
}
