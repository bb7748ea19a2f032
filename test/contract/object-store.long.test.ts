/** The whole contract on every wrapper by itself, and on each way to check what S3 was sent. */
import { blobSubject } from './blob-subject.ts';
import { fileExceptions, fileSubject } from './file-subject.ts';
import { memoryExceptions, memorySubject, WRAPPERS } from './memory-subject.ts';
import { objectStoreContract } from './object-store.ts';
import { s3Subject } from './s3-subject.ts';

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  objectStoreContract(`${name}(memory)`, () => memorySubject(wrap), memoryExceptions);
}
const { prefixed, retrying } = WRAPPERS;
objectStoreContract('prefixed(file)', () => fileSubject(prefixed), fileExceptions);
objectStoreContract('prefixed(retrying(blob)) (Azurite)', () =>
  blobSubject((store) => prefixed(retrying(store))),
);
objectStoreContract('s3 without checksums (embedded server)', () => s3Subject('none'));
