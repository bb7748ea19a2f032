import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SnapshotError, type SnapshotErrorCode } from '../../shared/snapshots/snapshot-error.ts';
import type { SnapshotFacts, SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';

/** What stands between a witness and its cloud. */
export type WitnessFault =
  /** Every request is refused to this identity. */
  | 'denied'
  /** Every request is answered by "slow down". */
  | 'throttled'
  /** Every connection breaks. */
  | 'reset'
  /** Somebody who is not the cloud answers, with status 200 and a page of HTML. */
  | 'foreign'
  /** The first two requests are answered by "slow down". */
  | 'hiccup';

/** A cloud with snapshots, and what a witness of it must say. */
export interface WitnessSubject {
  witness(fault?: WitnessFault): SnapshotWitness;
  /** References to snapshots that are there, with facts that must be told of them. */
  readonly present: ReadonlyMap<string, Partial<SnapshotFacts>>;
  /** References of the right form to what is not there. */
  readonly absent: readonly string[];
  /** References into another account, subscription or region. */
  readonly elsewhere: readonly string[];
  /** A key that some snapshots carry, in more than one page, and the ids of all of these. */
  readonly tagKey: string;
  readonly tagged: readonly string[];
  /** Requests that have reached the cloud, or what stands before it. */
  requests(): number;
  /** What must be in no message: keys, tokens (S9). */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

/** What no cloud knows as a snapshot; the last ones would change a request if they were sent. */
const NO_REFERENCES = [
  '',
  'unknown',
  'snap-',
  'snap-0123456789ABCDEF0',
  'snap-*',
  'vol-0123456789abcdef0',
  'arn:aws:ec2:::snapshot/',
  '/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/snapshots/z',
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/../providers/Microsoft.Compute/snapshots/s',
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/g/providers/Microsoft.Compute/snapshots/s?x=1',
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/g/providers/Microsoft.Compute/disks/d',
  '__proto__',
  `snap-${'0'.repeat(100_000)}`,
  'snap-0123456789abcdef0&Action=DeleteSnapshot',
];

const FAULTS: readonly (readonly [WitnessFault, SnapshotErrorCode])[] = [
  ['denied', 'denied'],
  ['throttled', 'throttled'],
  ['reset', 'unreachable'],
  ['foreign', 'unreachable'],
];

/** What `shared/snapshots/snapshot-witness.ts` promises, as tests. */
export function snapshotWitnessContract(name: string, open: () => Promise<WitnessSubject>): void {
  describe(`snapshot witness contract: ${name}`, () => {
    let subject: WitnessSubject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject?.close();
    });
    const everything = () => [...subject.present.keys(), ...subject.absent];

    test('tells what is there, with facts, and what is proven absent', async () => {
      const answers = await subject.witness().lookUp(everything());
      expect([...answers.keys()].sort()).toEqual(everything().sort());
      for (const [reference, facts] of subject.present) {
        expect(answers.get(reference), reference).toMatchObject({ outcome: 'found', facts });
      }
      for (const reference of subject.absent) {
        expect(answers.get(reference), reference).toEqual({ outcome: 'absent' });
      }
    });

    test('answers for a single one, and for one that is asked for twice', async () => {
      const [[present = ''] = []] = subject.present;
      const [absent = ''] = subject.absent;
      const both = await subject.witness().lookUp([present, present, absent, absent]);
      expect([...both].map(([key, { outcome }]) => [key, outcome])).toEqual([
        [present, 'found'],
        [absent, 'absent'],
      ]);
    });

    test('asks nothing for nothing, and nothing about what is no reference', async () => {
      const before = subject.requests();
      expect(await subject.witness().lookUp([])).toEqual(new Map());
      const answers = await subject.witness().lookUp(NO_REFERENCES);
      expect([...answers.keys()].sort()).toEqual([...NO_REFERENCES].sort());
      for (const answer of answers.values()) {
        expect(answer).toMatchObject({
          outcome: 'unchecked',
          message: expect.stringMatching(/^Cannot look up ".{0,400}[^.]$/),
          hint: expect.stringMatching(/./),
        });
      }
      expect(subject.requests()).toBe(before);
    });

    test('does not speak for other accounts, subscriptions and regions', async () => {
      const before = subject.requests();
      const answers = await subject.witness().lookUp(subject.elsewhere);
      expect(subject.elsewhere.length).toBeGreaterThan(0);
      for (const reference of subject.elsewhere) {
        const reason = expect.stringMatching(/^other_(account|region)$/);
        expect(answers.get(reference)).toMatchObject({ outcome: 'unchecked', reason });
      }
      expect(subject.requests()).toBe(before);
    });

    test.each(FAULTS)('%s: nothing is found or absent', async (fault, reason) => {
      const answers = await subject.witness(fault).lookUp(everything());
      expect(answers.size).toBe(everything().length);
      for (const answer of answers.values()) {
        expect(answer).toMatchObject({ outcome: 'unchecked', reason });
        expectNoSecrets(answer);
      }
    });

    test.each(FAULTS)('%s: a list throws, and does not end', async (fault, code) => {
      const listing = Array.fromAsync(subject.witness(fault).listTagged([subject.tagKey]));
      const error: unknown = await listing.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SnapshotError);
      expect(error).toMatchObject({ code, failure: 'operation' });
      const { message, hint } = error as SnapshotError;
      expect(message).toMatch(/^Cannot .*[^.]$/);
      expect(hint).not.toBe('');
      expectNoSecrets({ message, hint });
    });

    test('waits out what passes', async () => {
      const [[present = ''] = []] = subject.present;
      const answers = await subject.witness('hiccup').lookUp([present]);
      expect(answers.get(present)).toMatchObject({ outcome: 'found' });
      const listed = await Array.fromAsync(subject.witness('hiccup').listTagged([subject.tagKey]));
      expect(listed).toHaveLength(subject.tagged.length);
    });

    test('lists what carries a tag, each once, over all pages', async () => {
      const before = subject.requests();
      const keys = [subject.tagKey, 'nobody-has-this'];
      const listed = await Array.fromAsync(subject.witness().listTagged(keys));
      expect(listed.map(({ id }) => id).sort()).toEqual([...subject.tagged].sort());
      expect(subject.requests() - before).toBeGreaterThan(1);
      for (const { tags } of listed) expect([...tags.keys()]).toContain(subject.tagKey);
    });

    test('lists nothing for keys that nobody has, wildcards included, and for none', async () => {
      for (const keys of [['nobody-has-this'], ['*'], ['?'], []]) {
        expect(await Array.fromAsync(subject.witness().listTagged(keys))).toEqual([]);
      }
    });

    test('a cancelled call rejects with the reason', async () => {
      const signal = AbortSignal.abort(new Error('enough'));
      const witness = subject.witness();
      await expect(witness.lookUp(everything(), { signal })).rejects.toThrow('enough');
      const listing = Array.fromAsync(witness.listTagged([subject.tagKey], { signal }));
      await expect(listing).rejects.toThrow('enough');
    });

    function expectNoSecrets(value: unknown): void {
      for (const secret of subject.secrets) expect(JSON.stringify(value)).not.toContain(secret);
    }
  });
}
