import { expect, test } from 'vitest';
import { kopiaWorld } from '../../support/kopia-writer/world.ts';
import { verified } from '../verified.ts';

test('entries of one name are told, since Kopia restores one of them alone', async () => {
  const world = await kopiaWorld();
  const file = (name: string, text: string) => {
    const obj = world.content(Buffer.from(text));
    return { name, type: 'f' as const, mode: '0644', size: text.length, obj };
  };
  const lost = '\ufffd.txt';
  const entries = [file(lost, 'one'), file(lost, 'two'), file('z.txt', 'three')];
  world.snapshot(world.directory('data', entries), { path: '/srv' });
  const store = await world.store();
  const run = await verified(store, world.prefix, world.password, { level: 'content' });
  expect(run.verdict.kind).toBe('verified');
  expect(run.findings).toMatchObject([
    { code: 'KOPIA_NAME_TWICE', severity: 'warning', evidence: { names: [lost] } },
  ]);
});
