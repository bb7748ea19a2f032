import { memoryExceptions, memorySubject, WRAPPERS } from './memory-subject.ts';
import { objectStoreContract } from './object-store.ts';

const { prefixed, metered, retrying } = WRAPPERS;

objectStoreContract('memory', () => memorySubject(), memoryExceptions);
// Each by itself in object-store.long.test.ts.
objectStoreContract(
  'prefixed(metered(retrying(memory)))',
  () => memorySubject((store) => prefixed(metered(retrying(store)))),
  memoryExceptions,
);
