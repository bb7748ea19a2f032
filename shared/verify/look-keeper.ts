import { locationLookKey } from '../ledger/keys.ts';
import { LOCATION_LOOK, type LocationLook } from '../ledger/location-look.ts';
import { readRecord, swapRecord } from '../ledger/record.ts';
import type { VerifyDeps } from './job.ts';

/** More losses in a row mean that others are at work on the location: theirs is as good. */
const ATTEMPTS_MAX = 5;

/** The record of a location's last look: read once, written as often as there is something to keep. */
export interface LookKeeper {
  readonly previous: LocationLook | undefined;
  /** Of two runs at once the later word stands: both have looked at the same store. */
  save(look: LocationLook): Promise<void>;
}

/** @throws RECORD_DAMAGED, RECORD_NEWER: what cannot be read is not begun anew */
export async function openLookKeeper(
  { state, uniqueId, signal }: Pick<VerifyDeps, 'state' | 'uniqueId' | 'signal'>,
  identity: string,
): Promise<LookKeeper> {
  const options = { ...(signal && { signal }) };
  const key = locationLookKey(identity);
  const present = await readRecord(state, key, LOCATION_LOOK, options);
  let etag = present?.etag;
  return {
    previous: present?.value,
    async save(value) {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        const next = { value, nonce: uniqueId(), previousEtag: etag };
        const written = await swapRecord(state, key, LOCATION_LOOK, next, options);
        if (written !== undefined) {
          etag = written;
          return;
        }
        etag = (await readRecord(state, key, LOCATION_LOOK, options))?.etag;
      }
    },
  };
}
