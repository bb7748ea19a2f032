import { gunzipSync, gzipSync } from 'node:zlib';
import type { Fixture } from '../support/fixtures.ts';

/** A backup of the fixture, told again as one of today. */
export interface Retold {
  /** Its name in the fixture. */
  readonly model: string;
  readonly name: string;
  readonly startedAt: Date;
}

/** An object of a bucket, relative to the root of the backups. */
export interface AgedObject {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly lastModified: Date;
}

/** As Velero and Kubernetes write times. */
const TIME = /"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g;

/** Lists that name the backup or hold times; all other artefacts stay as Velero wrote them. */
const RETOLD_LISTS = /-(?:volumeinfo|podvolumebackups|volumesnapshots|itemoperations)\.json\.gz$/;

/**
 * Copies of a real backup under another name: its times are moved, its names and UIDs replaced, and
 * not another byte. Velero's phase, counters, tarball and log are its own.
 */
export async function retold(
  { objects }: Fixture,
  root: string,
  { model, name, startedAt }: Retold,
): Promise<readonly AgedObject[]> {
  const folder = `${root}backups/${model}/`;
  const own = objects.filter(({ key }) => key.startsWith(folder));
  const resource = own.find(({ key }) => key === `${folder}velero-backup.json`);
  const text = Buffer.from((await resource?.bytes()) ?? []).toString('utf8');
  const { metadata, status } = JSON.parse(text) as {
    readonly metadata: { readonly uid: string };
    readonly status: { readonly startTimestamp: string };
  };
  const laterMs = startedAt.getTime() - Date.parse(status.startTimestamp);
  const moved = (time: string): string =>
    `${new Date(Date.parse(time) + laterMs).toISOString().slice(0, 19)}Z`;
  const again = (json: string): string =>
    json
      .replaceAll(model, name)
      .replaceAll(metadata.uid, uidOf(name))
      .replaceAll(TIME, (time) => `"${moved(time.slice(1, -1))}"`);
  return await Promise.all(
    own.map(async ({ key, lastModified, bytes }) => {
      const file = key.slice(folder.length).replace(model, name);
      const original = await bytes();
      return {
        path: `backups/${name}/${file}`,
        bytes: told(file, original, again),
        lastModified: new Date(lastModified.getTime() + laterMs),
      };
    }),
  );
}

function told(file: string, bytes: Uint8Array, again: (json: string) => string): Uint8Array {
  if (file === 'velero-backup.json') return Buffer.from(again(Buffer.from(bytes).toString('utf8')));
  if (!RETOLD_LISTS.test(file)) return bytes;
  return gzipSync(again(gunzipSync(bytes).toString('utf8')));
}

/** The same for a name in every run, and no other's. */
function uidOf(name: string): string {
  const hex = Buffer.from(name.padEnd(16, '-')).toString('hex').slice(-32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
