import { locationLookKey } from '../ledger/keys.ts';
import { LOCATION_LOOK, type LocationLook, readLocationLook } from '../ledger/location-look.ts';
import { mergedLooks } from '../ledger/look-merge.ts';
import { ledgerBusy, swapRecord } from '../ledger/record.ts';
import type { VerifyDeps } from './job.ts';

/** More losses in a row than this are no race but a store that does not keep its conditions. */
const ATTEMPTS_MAX = 20;

/** The record of a location's last look: read once, written as often as there is something to keep. */
export interface LookKeeper {
  readonly previous: LocationLook | undefined;
  /**
   * What another run has written since this one began is merged in, in this and in later saves.
   * @throws DrydockError `LEDGER_BUSY` (operation)
   */
  save(look: LocationLook): Promise<void>;
}

/** @throws RECORD_DAMAGED, RECORD_NEWER: what cannot be read is not begun anew */
export async function openLookKeeper(
  { state, uniqueId, signal }: Pick<VerifyDeps, 'state' | 'uniqueId' | 'signal'>,
  identity: string,
): Promise<LookKeeper> {
  const options = { ...(signal && { signal }) };
  const key = locationLookKey(identity);
  const present = await readLocationLook(state, identity, options);
  let etag = present?.etag;
  let others: LocationLook | undefined;
  return {
    previous: present?.value,
    async save(look) {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        const value = others === undefined ? look : mergedLooks(look, others);
        const next = { value, nonce: uniqueId(), previousEtag: etag };
        const written = await swapRecord(state, key, LOCATION_LOOK, next, options);
        if (written !== undefined) {
          etag = written;
          return;
        }
        const theirs = await readLocationLook(state, identity, options);
        etag = theirs?.etag;
        if (theirs === undefined) continue;
        others = others === undefined ? theirs.value : mergedLooks(theirs.value, others);
      }
      throw ledgerBusy(state, key);
    },
  };
}
