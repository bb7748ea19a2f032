/** Repositories that tests make, as folders that the command line opens. */
import { writeTwin } from '../support/kopia-damage/make.ts';
import type { Entry } from '../support/kopia-writer/trees.ts';
import type { KopiaWorld } from '../support/kopia-writer/world.ts';
import { temporaryFolder } from './kopia-run.ts';

/** A world as a folder that the command line opens. */
export async function opened(
  world: KopiaWorld,
): Promise<{ url: string; env: Record<string, string> }> {
  const folder = await temporaryFolder();
  const { prefix, password } = world;
  await writeTwin({ store: await world.store(), prefix, password, truth: noTruth }, folder);
  return { url: `file://${folder}/${prefix}`, env: { DRYDOCK_KOPIA_PASSWORD: password } };
}
const noTruth = {
  opens: true,
  findings: { structure: [], content: [] },
  packs: [],
  contents: [],
  files: {},
  vanished: [],
};

const written = new WeakMap<KopiaWorld, Map<string, string>>();

/** One object for equal texts: an index names each content once. */
export function object(world: KopiaWorld, text: string): string {
  const known = written.get(world) ?? new Map<string, string>();
  written.set(world, known);
  const id = known.get(text) ?? world.file(text);
  known.set(text, id);
  return id;
}

export function file(world: KopiaWorld, name: string, text: string): Entry {
  return { name, type: 'f', mode: '0644', size: text.length, obj: object(world, text) };
}

export function link(world: KopiaWorld, name: string, target: string): Entry {
  return { name, type: 's', mode: '0777', size: target.length, obj: object(world, target) };
}
