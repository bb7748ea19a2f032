/** What our verification and the released Kopia say of one damaged repository. */
import {
  type KopiaVerification,
  type VerifyLevel,
  verifyRepository,
} from '../../../shared/kopia/verification.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import type { ObjectReader, ObjectStore } from '../../../shared/stores/store.ts';
import type { Damage, Truth, Twin } from '../../support/kopia-damage/damage.ts';
import { Kopia, KopiaError, type KopiaPlace } from '../replica/kopia.ts';

/** Kopia's commands that could notice a damage, in the order of the table's columns. */
export const CHECKS = ['open', 'contents', 'full', 'trees', 'restore'] as const;
export type Check = (typeof CHECKS)[number];

/**
 * `complains`: it fails. `silent`: it ends well. `no end`: it was stopped. `not tried`: it does not
 * come so far, or is not safe to run.
 */
export type Saying = 'complains' | 'silent' | 'no end' | 'not tried';
export type Sayings = Readonly<Record<Check, Saying>>;

/** What our verification says at one level. */
export interface Told {
  readonly isVerified: boolean;
  /** Codes of findings, or of the error that it ended with. */
  readonly codes: ReadonlySet<string>;
}

export interface Judgement {
  readonly name: string;
  readonly title: string;
  readonly truth: Truth;
  readonly ours: Readonly<Record<VerifyLevel, Told>>;
  readonly kopia: Sayings;
}

/** Where a twin can be put for both. */
export interface Ground {
  store(prefix: string): Promise<ObjectStore>;
  kopia(prefix: string): KopiaPlace;
}

const COMMAND_MS_MAX = 60_000;
/** These never end, so that waiting for longer would show nothing more. */
const ENDLESS_MS_MAX = 5_000;
const ENDLESS: ReadonlySet<string> = new Set([
  'indirect-cycle',
  'indirect-exponential',
  'directory-exponential',
]);
/** Kopia would write outside of the folder that it restores to. */
const UNSAFE_TO_RESTORE: ReadonlySet<string> = new Set(['directory-escapes']);

export async function judge({ name, title, make }: Damage, ground: Ground): Promise<Judgement> {
  const twin = await make();
  const store = await ground.store(`${name}/`);
  for await (const { key, sizeBytes } of twin.store.list('')) {
    const body = async function* () {
      yield* (await twin.store.read(key)).body;
    };
    await store.write(key, body, { sizeBytes });
  }
  const place = ground.kopia(`${name}/${twin.prefix}`);
  const [structure, content, kopia] = await Promise.all([
    told(store, twin, 'structure'),
    told(store, twin, 'content'),
    sayings(name, place, twin.password),
  ]);
  return { name, title, truth: twin.truth, ours: { structure, content }, kopia };
}

async function told(store: ObjectReader, twin: Twin, level: VerifyLevel): Promise<Told> {
  try {
    const options = { level, now: new Date() };
    return toldBy(await verifyRepository(store, twin.prefix, twin.password, options));
  } catch (error) {
    if (!(error instanceof DrydockError)) throw error;
    return { isVerified: false, codes: new Set([error.code]) };
  }
}

function toldBy({ verdict, findings }: KopiaVerification): Told {
  const codes = new Set<string>(findings.map(({ code }) => code));
  return { isVerified: verdict.kind === 'verified', codes };
}

async function sayings(name: string, place: KopiaPlace, password: string): Promise<Sayings> {
  const timeoutMs = ENDLESS.has(name) ? ENDLESS_MS_MAX : COMMAND_MS_MAX;
  const said: Record<Check, Saying> = {
    open: 'not tried',
    contents: 'not tried',
    full: 'not tried',
    trees: 'not tried',
    restore: 'not tried',
  };
  let kopia: Kopia | undefined;
  let ids: readonly string[] = [];
  const answer = async (check: Check, ask: () => Promise<unknown>): Promise<void> => {
    await kopia?.forget();
    said[check] = await saying(ask);
  };
  await answer('open', async () => {
    kopia = await Kopia.connect(place, { password, timeoutMs });
    ids = (await kopia.snapshots()).map(({ id }) => id);
  });
  const client = kopia;
  if (client === undefined) return said;
  try {
    if (said.open !== 'silent') return said;
    await answer('contents', () => client.run('content', 'verify'));
    await answer('full', () => client.run('content', 'verify', '--full'));
    await answer('trees', () => client.verify());
    if (!UNSAFE_TO_RESTORE.has(name)) {
      await answer('restore', async () => {
        for (const id of ids) await client.restore(id);
      });
    }
    return said;
  } finally {
    await client.close();
  }
}

async function saying(ask: () => Promise<unknown>): Promise<Saying> {
  try {
    await ask();
    return 'silent';
  } catch (error) {
    if (!(error instanceof KopiaError)) throw error;
    // Endless recursion is stopped by the clock or by Go, whichever is first on this machine.
    const isEndless = error.isStopped || error.stderr.includes('stack overflow');
    return isEndless ? 'no end' : 'complains';
  }
}
