/** Whatever is done to the objects of a real backup, a look at it ends with facts and crashes nothing. */
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openRoot } from '../../support/velero-damage/objects.ts';
import { sightOf } from './looks.ts';
import { checkTold } from './told.ts';

const BACKUPS = ['frequent-20261121105415', 'media-moved', 'media-csi', 'shop-failing-hook'];

const damages = fc.record({
  backup: fc.constantFrom(...BACKUPS),
  file: fc.nat(),
  at: fc.nat(),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  kind: fc.constantFrom('cut', 'flip', 'insert', 'swap'),
});

function damaged(bytes: Buffer, kind: string, at: number, more: Uint8Array): Buffer {
  const place = at % bytes.length;
  if (kind === 'cut') return bytes.subarray(0, place);
  if (kind === 'insert') {
    return Buffer.concat([bytes.subarray(0, place), more, bytes.subarray(place)]);
  }
  bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << (at & 7)), place);
  return bytes;
}

test('bytes cut off, changed, put in, or taken from another object', async () => {
  await fc.assert(
    fc.asyncProperty(damages, async ({ backup, file, at, bytes, kind }) => {
      const objects = await openRoot(backup);
      const files = objects.files();
      const name = files[file % files.length] ?? '';
      const other = files[at % files.length] ?? '';
      const after =
        kind === 'swap' ? objects.bytes(other) : damaged(objects.bytes(name), kind, at, bytes);
      objects.put(name, after);
      const sight = await sightOf(await objects.store('backups'), backup);
      checkTold(sight);
      const isRead = /podvolume|volumesnap|volumeinfo|tar/.test(name);
      if (isRead && !gunzips(after)) expect(sight.facts.isWhole).toBe(false);
    }),
    { numRuns: 40 },
  );
});

function gunzips(bytes: Buffer): boolean {
  try {
    gunzipSync(bytes);
    return true;
  } catch {
    return false;
  }
}

const FILES = [
  'velero-backup.json',
  '-podvolumebackups.json.gz',
  '-volumesnapshots.json.gz',
  '-itemoperations.json.gz',
  '-resource-list.json.gz',
  '-results.gz',
  '-volumeinfo.json.gz',
];

/** Every place in a JSON value, as the members that lead to it. */
function placesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, member]) => placesOf(member, [...path, key])),
  ];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined || typeof value !== 'object' || value === null) return by;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...value };
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const values = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('x'.repeat(20_000), '\u001b[31m\u009b\u202e\u{e0041}', -1, 1e300, 'unknown'),
);

test('any value of any artefact is another one', async () => {
  const places = fc.record({
    backup: fc.constantFrom(...BACKUPS),
    file: fc.constantFrom(...FILES),
    at: fc.nat(),
    value: values,
  });
  await fc.assert(
    fc.asyncProperty(places, async ({ backup, file, at, value }) => {
      const objects = await openRoot(backup);
      const isGzip = file.endsWith('.gz');
      const bytes = objects.bytes(file);
      const json: unknown = JSON.parse((isGzip ? gunzipSync(bytes) : bytes).toString('utf8'));
      const all = placesOf(json);
      const changed = JSON.stringify(replaced(json, all[at % all.length] ?? [], value));
      objects.put(file, isGzip ? gzipSync(changed) : changed);
      checkTold(await sightOf(await objects.store('backups'), backup));
    }),
    { numRuns: 60 },
  );
});
