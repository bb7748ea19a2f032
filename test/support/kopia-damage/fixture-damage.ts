/** Short ways to say what is done to a fixture. */
import type { Damage, TruthParts } from './damage.ts';
import { type Healthy, type ListedContent, openFixture } from './healthy.ts';

/** A damage that changes a fixture and answers with what that means. */
export function damage(
  fixture: string,
  name: string,
  title: string,
  change: (healthy: Healthy) => TruthParts & { readonly password?: string },
): Damage {
  const from = `kopia/${fixture}`;
  const make = async () => {
    const healthy = await openFixture(from);
    const { password, ...truth } = change(healthy);
    return await healthy.twin(truth, password);
  };
  return { name, title, from, make };
}

export function flipBit(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
  return bytes;
}

/** The middle of a content's stored bytes. */
export function middleOf({ packOffset, length }: ListedContent): number {
  return packOffset + Math.floor(length / 2);
}

export const idsOf = (rows: readonly ListedContent[]): string[] =>
  rows.map(({ contentID }) => contentID);

/** The one in the middle of a list that is not empty. */
export function middle<T>(list: readonly T[]): T {
  const one = list[Math.floor(list.length / 2)];
  if (one === undefined) throw new Error('the list is empty');
  return one;
}
