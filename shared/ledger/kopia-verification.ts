import { isVerificationState, type VerificationState } from '../kopia/verify/share.ts';
import type { RecordKind } from './record.ts';

/**
 * Which packs of a Kopia repository were read when. Its key is made of the repository's URL with
 * the endpoint: a replica has the id of its source and needs proofs of its own.
 */
export const KOPIA_VERIFICATION: RecordKind<VerificationState> = {
  kind: 'kopia-verification',
  schemaVersion: 1,
  // Half a million packs, which is 10 TiB, take 6 MB.
  sizeBytesMax: 256 * 1024 * 1024,
  parse(value) {
    if (!isVerificationState(value)) throw new TypeError('Not a state of a verification');
    return value;
  },
};
