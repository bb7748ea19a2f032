import type { CallOptions, ObjectReader } from '../stores/store.ts';
import { CHAIN_ANCHOR, CHAIN_HEAD, type Chain, readLinkAt } from './evidence-record.ts';
import { chainFolder, EVIDENCE_FOLDER, evidenceName } from './keys.ts';
import { isDamagedRecord, readRecord } from './record.ts';

/** A folder where a chain is kept. */
export interface FoundChain {
  /** In the state; ends in "/". */
  readonly folder: string;
  readonly job: string;
  /** Absent when nothing in the folder says, as its key must have it, whose it is. */
  readonly chain: Chain | undefined;
}

/** Every chain in the state, ascending by job. */
export async function* listChains(
  state: ObjectReader,
  options: CallOptions = {},
): AsyncGenerator<FoundChain> {
  for await (const job of state.listDirectories(EVIDENCE_FOLDER, options)) {
    for await (const name of state.listDirectories(`${EVIDENCE_FOLDER}${job}`, options)) {
      const folder = `${EVIDENCE_FOLDER}${job}${name}`;
      const chain = await chainOf(state, folder, options);
      yield { folder, job: job.slice(0, -1), chain };
    }
  }
}

/** The name of the folder is a hash, so that whoever claims it can be held to it. */
async function chainOf(
  state: ObjectReader,
  folder: string,
  options: CallOptions,
): Promise<Chain | undefined> {
  const claims = [
    async () => (await readRecord(state, `${folder}head.json`, CHAIN_HEAD, options))?.value,
    async () => (await readRecord(state, `${folder}anchor.json`, CHAIN_ANCHOR, options))?.value,
    async () => (await readLinkAt(state, `${folder}${evidenceName(1)}`, options))?.record,
  ];
  for (const claim of claims) {
    const found = await claim().catch((error: unknown) => {
      if (isDamagedRecord(error)) return undefined;
      throw error;
    });
    if (found !== undefined && chainFolder(found.chain) === folder) return found.chain;
  }
  return undefined;
}
