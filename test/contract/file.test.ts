import { fileExceptions, fileSubject } from './file-subject.ts';
import { objectStoreContract } from './object-store.ts';

objectStoreContract('file', () => fileSubject(), fileExceptions);
