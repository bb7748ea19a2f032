import { expect, test } from 'vitest';
import { createRepositoryCrypto } from '../../../shared/kopia/crypto/repository-crypto.ts';
import { openFormat } from '../../../shared/kopia/format/open-format.ts';
import { parseCompactionLog } from '../../../shared/kopia/indexes/compaction-log.ts';
import { EntryRows } from '../../../shared/kopia/indexes/entry-rows.ts';
import { findIndexes } from '../../../shared/kopia/indexes/find-indexes.ts';
import { loadIndexes } from '../../../shared/kopia/indexes/load-indexes.ts';
import { readIndexes } from '../../../shared/kopia/indexes/read-indexes.ts';
import { Endangered } from '../../../shared/kopia/replication/endangered.ts';
import { type IndexView, isOfView } from '../../../shared/kopia/replication/index-view.ts';
import { planPacks } from '../../../shared/kopia/replication/pack-plan.ts';
import { planPublication } from '../../../shared/kopia/replication/publication.ts';
import { Survey } from '../../../shared/kopia/replication/survey.ts';
import { fakeClock } from '../../support/clock.ts';
import { fixtureInMemory } from '../../support/fixture-stores.ts';
import { loadFixture } from '../../support/fixtures.ts';

/** What real Kopia wrote, planned for an empty target. */
async function planned(name: string) {
  const fixture = await loadFixture(name);
  const [{ prefix, password } = { prefix: '', password: '' }] = fixture.meta.repositories;
  const store = await fixtureInMemory(fixture, fakeClock());
  const format = await openFormat(store, prefix, password);
  const crypto = await createRepositoryCrypto(format.cryptoSpec);
  const { listed } = await findIndexes(store, format, crypto);
  const logs = new Map<string, ReturnType<typeof parseCompactionLog>>();
  for (const { id } of listed.filter((blob) => blob.id.startsWith('m'))) {
    const { body } = await store.read(`${prefix}${id}`);
    logs.set(id, parseCompactionLog(await crypto.readBlob(id, body, 2 ** 20)));
  }
  const view: IndexView = format.epochs.enabled ? { kind: 'epochs' } : { kind: 'v0', logs };
  const blobs = listed.filter(({ id }) => isOfView(view, id));
  const rows = new EntryRows(crypto.hash.digestBytes, 2 ** 24);
  const numbers = new Map<string, number>();
  const reading = { reader: store, prefix, crypto, keep: () => true, concurrency: 2 };
  const indexes = blobs.filter(({ id }) => /^(n|x[nrs])/.test(id));
  expect(
    await readIndexes(reading, rows, indexes, ({ id }, number) => numbers.set(id, number)),
  ).toEqual([]);
  const packs = new Map<string, number>();
  for await (const { key, sizeBytes } of store.list(prefix)) {
    if (/^[pq]/.test(key.slice(prefix.length))) packs.set(key.slice(prefix.length), sizeBytes);
  }
  const [source, target] = [
    { view, blobs },
    { view, blobs: [] },
  ];
  const survey = new Survey(source, target);
  survey.add({ rows, numbers });
  const endangered = new Endangered();
  endangered.add({ rows, numbers }, (id) => packs.has(id));
  const { contents } = await loadIndexes(store, format, crypto);
  const effective = new Set([...contents.positions()].map((at) => contents.entry(at).packBlob));
  const publication = planPublication(source, target, endangered, survey.kinds, new Set());
  return { survey, packs, effective, publication, blobs, endangered };
}

test.each(['kopia/history', 'kopia/format-1-compacted', 'kopia/upgraded-1-to-3', 'kopia/format-2'])(
  '%s: needs the packs of all effective entries, and publishes every blob once',
  async (name) => {
    const { survey, packs, effective, publication, blobs } = await planned(name);
    const plan = planPacks(survey.packs, packs, new Map());
    const needed = plan.kind === 'copy' ? plan.packs.filter(({ isNeeded }) => isNeeded) : [];
    expect(needed.map(({ id }) => id).sort()).toEqual([...effective].sort());
    expect(effective.size).toBeGreaterThan(0);
    const steps = publication.kind === 'publish' ? publication.steps : [];
    expect(steps.map(({ id }) => id).sort()).toEqual(blobs.map(({ id }) => id).sort());
    expect(planPacks(survey.packs, packs, packs)).toEqual({ kind: 'copy', packs: [] });
  },
);
