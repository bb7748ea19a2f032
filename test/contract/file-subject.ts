import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore } from '../../shared/stores/file.ts';
import type { ObjectStore } from '../../shared/stores/store.ts';
import type { ContractException, ContractSubject } from './object-store.ts';

const service = 'a folder has no service that could be down, busy or archive';
export const fileExceptions: readonly ContractException[] = [
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

export async function fileSubject(
  wrap: (store: ObjectStore) => ObjectStore = (store) => store,
): Promise<ContractSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-file-'));
  return {
    store: wrap(fileStore({ path: join(folder, 'store') })),
    close: () => rm(folder, { recursive: true }),
  };
}
