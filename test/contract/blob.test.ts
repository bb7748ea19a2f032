import { blobSubject } from './blob-subject.ts';
import { objectStoreContract } from './object-store.ts';

objectStoreContract('blob (Azurite)', () => blobSubject());
