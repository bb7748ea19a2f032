import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore } from '../../shared/stores/file.ts';
import { prefixed } from '../../shared/stores/prefixed.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import { objectStoreContract } from './object-store.ts';

const service = 'a folder has no service that could be down, busy or archive';
const exceptions = [
  {
    test: 'denied is denied for every call, never absent',
    reason: 'whoever runs the tests may be root, whom nothing is denied',
  },
  {
    test: 'an absent bucket is bucket_not_found for every call that says so',
    reason:
      'the first write makes the folder; reads of an absent one are in test/stores/file.test.ts',
  },
  { test: 'an endpoint that is down is unreachable for every call', reason: service },
  { test: 'a store that asks for a slower pace is throttled for every call', reason: service },
  { test: 'an archived object is archived when read', reason: service },
];

const wrappers: Record<string, (store: ObjectStore) => ObjectStore> = {
  file: (store) => store,
  'prefixed(file)': (store) => prefixed(store, 'some/prefix/'),
};

for (const [name, wrap] of Object.entries(wrappers)) {
  objectStoreContract(
    name,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'drydock-file-'));
      return {
        store: wrap(fileStore({ path: join(folder, 'store') })),
        close: () => rm(folder, { recursive: true }),
      };
    },
    exceptions,
  );
}
