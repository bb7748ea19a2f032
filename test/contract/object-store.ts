import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contentCases } from './content-cases.ts';
import { faultCases } from './fault-cases.ts';
import {
  type ContractException,
  type ContractKit,
  type ContractSubject,
  contractKit,
} from './kit.ts';
import { knownMd5Cases } from './known-md5-cases.ts';
import { orderCases } from './order-cases.ts';

export type { ContractException, ContractSubject } from './kit.ts';

const ALL = [contentCases, orderCases, faultCases, knownMd5Cases];
/** How bytes get in and out, where all the rest is the same as of another subject. */
export const BYTES_ALONE = [contentCases];

/**
 * What `shared/stores/store.ts` promises, as tests. Runs on every store and again on every wrapper.
 */
export function objectStoreContract(
  name: string,
  open: () => Promise<ContractSubject>,
  exceptions: readonly ContractException[] = [],
  cases: readonly ((kit: ContractKit) => void)[] = ALL,
): void {
  const kit = contractKit(name, exceptions);
  describe(`object store contract: ${name}`, () => {
    let subject: ContractSubject | undefined;
    beforeAll(async () => {
      subject = await open();
      kit.open(subject);
    });
    afterAll(async () => {
      await subject?.close?.();
    });
    for (const each of cases) each(kit);

    test('every exception names a case of the suite', () => {
      expect(kit.unknownExceptions()).toEqual([]);
    });
  });
}
