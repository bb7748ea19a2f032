import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { firstSightKey } from '../../shared/ledger/keys.ts';
import { ed25519Signer } from '../../shared/ledger/signature.ts';
import { memoryStore } from '../../shared/stores/memory.ts';
import { bytesOf, codesOf, findingOf, put, rowOf, verdictsOf } from './answers.ts';
import { veleroWorld, type World } from './world.ts';

const VICTIM = 'frequent-20261121105615';
const TARBALL = `backups/${VICTIM}/${VICTIM}.tar.gz`;
const OTHER = 'backups/frequent-20261121105415/frequent-20261121105415.tar.gz';

/** Somebody with the right to write puts another backup's tarball in this one's place. */
async function swapTarball(world: World): Promise<Buffer> {
  const own = await bytesOf(world.store, TARBALL);
  await put(world.store, TARBALL, await bytesOf(world.store, OTHER));
  return own;
}

describe('a complete backup that was changed', () => {
  test('is told as long as it is so, costs its points their proof, and is forgiven when mended', async () => {
    const world = await veleroWorld();
    await world.run();
    const own = await swapTarball(world);
    const report = await world.run();
    expect(findingOf(report, 'BACKUP_TAMPERED')).toMatchObject({
      severity: 'critical',
      evidence: { changed: [TARBALL], removed: [], added: [] },
    });
    expect(verdictsOf(report).get(VICTIM)).toBe('damaged');
    expect(rowOf(report, 'shop').proven?.point).toBe('frequent-20261121105415');
    const later = await world.run();
    expect(later.measures['backupsRead']).toBe(1);
    expect(codesOf(later, VICTIM)).toContain('BACKUP_TAMPERED');
    await put(world.store, TARBALL, own);
    const mended = await world.run();
    expect(codesOf(mended, VICTIM)).not.toContain('BACKUP_TAMPERED');
    expect(rowOf(mended, 'shop').proven?.point).toBe(VICTIM);
  });

  test('also by an object more, or one less', async () => {
    const world = await veleroWorld();
    await world.run();
    await put(world.store, `backups/${VICTIM}/payload.sh`, Buffer.from('#!'));
    await world.store.remove(`backups/${VICTIM}/${VICTIM}-logs.gz`);
    const { evidence } = findingOf(await world.run(), 'BACKUP_TAMPERED');
    expect(evidence).toMatchObject({
      added: [`backups/${VICTIM}/payload.sh`],
      removed: [`backups/${VICTIM}/${VICTIM}-logs.gz`],
    });
  });

  test('is not one whose ETags alone changed, as after a copy over itself', async () => {
    const world = await veleroWorld();
    await world.run();
    await put(world.store, TARBALL, await bytesOf(world.store, TARBALL));
    const report = await world.run();
    expect(report.measures['backupsRead']).toBe(2);
    expect(codesOf(report)).not.toContain('BACKUP_TAMPERED');
  });

  test('is found through the second state when the first one was emptied to hide it', async () => {
    const world = await veleroWorld();
    const witnessState = memoryStore('witness', world.clock);
    await world.run({ deps: { witnessState } });
    await swapTarball(world);
    for await (const { key } of world.state.list('')) await world.state.remove(key);
    const report = await world.run({ deps: { witnessState } });
    expect(codesOf(report, VICTIM)).toContain('FIRST_SIGHT_ALTERED');
  });

  test('is found through the last look when the first sight was removed to hide it', async () => {
    const world = await veleroWorld();
    await world.run();
    await swapTarball(world);
    for await (const { key } of world.state.list('first-sight/')) await world.state.remove(key);
    expect(codesOf(await world.run(), VICTIM)).toContain('BACKUP_TAMPERED');
    // The record that was written in its place is of the backup as it was.
    world.clock.advance(7 * 24 * 3_600_000);
    expect(codesOf(await world.run(), VICTIM)).toContain('BACKUP_TAMPERED');
  });

  test('and a record of the first sight that somebody wrote himself is not believed', async () => {
    const world = await veleroWorld();
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const signer = ed25519Signer(pem);
    await world.run({ deps: { signer } });
    await swapTarball(world);
    const sum = /"sha256": "[0-9a-f]{64}"/g;
    for await (const { key } of world.state.list('first-sight/')) {
      const text = (await bytesOf(world.state, key)).toString();
      if (!text.includes(TARBALL)) continue;
      await put(
        world.state,
        key,
        Buffer.from(text.replaceAll(sum, `"sha256": "${'0'.repeat(64)}"`)),
      );
    }
    const report = await world.run({ deps: { signer } });
    expect(codesOf(report, VICTIM)).toContain('FIRST_SIGHT_ALTERED');
    expect(firstSightKey('a', 'b')).toMatch(/^first-sight\//);
  });
});

test('a name with control characters is the same one in verdicts, findings and the ledger', async () => {
  const world = await veleroWorld();
  const odd = 'media\u0007moved';
  for await (const { key } of world.store.list('backups/media-moved/')) {
    const bytes = await bytesOf(world.store, key);
    await put(world.store, key.replaceAll('media-moved', odd), bytes);
  }
  await world.store.remove(`backups/${odd}/${odd}.tar.gz`);
  await world.run();
  const report = await world.run();
  const subject = `${world.location.reader.url}/backups/media\ufffdmoved`;
  const verdict = report.verdicts.find((each) => each.subject === subject);
  const codes = verdict?.kind === 'damaged' ? verdict.findings.map(({ code }) => code) : [];
  expect(codes).toContain('ARTEFACT_MISSING');
  const subjects = [...report.verdicts, ...report.findings].map((each) => each.subject);
  expect(subjects.filter((each) => each.includes('\u0007'))).toEqual([]);
});
