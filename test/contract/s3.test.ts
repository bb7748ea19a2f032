import { BYTES_ALONE, objectStoreContract } from './object-store.ts';
import { s3Subject } from './s3-subject.ts';

objectStoreContract('s3 (embedded server)', () => s3Subject('crc64nvme'));
// Whole in object-store.long.test.ts.
objectStoreContract(
  's3 without checksums (embedded server)',
  () => s3Subject('none'),
  [],
  BYTES_ALONE,
);
