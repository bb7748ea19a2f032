/** Run in a process of its own with a small heap: very many objects, namespaces and large labels. */

import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { ObjectReader } from '../../../shared/stores/store.ts';
import { summarizeContents } from '../../../shared/velero/artefacts/contents-summary.ts';
import { END, entry, header } from './tarball.ts';

const ENTRIES = 25_000;
const LABELS = JSON.stringify({
  metadata: { name: 'c', namespace: 'n', labels: { a: 'x'.repeat(10_000) } },
});

function* tarball(): Generator<Uint8Array> {
  for (let at = 0; at < ENTRIES; at += 1) {
    yield header(`resources/r${at}.example.com/namespaces/n${at}/o.json`, 0);
  }
  for (let at = 0; at < 5000; at += 1) {
    yield entry(`resources/persistentvolumeclaims/namespaces/n/c${at}.json`, LABELS);
  }
  yield END;
}

const info = { key: 'b.tar.gz', sizeBytes: 1, etag: 'e', lastModified: new Date(0) };
const reader: Pick<ObjectReader, 'read'> = {
  read: async () => ({
    info,
    body: Readable.from(tarball(), { objectMode: false }).pipe(createGzip({ level: 1 })),
  }),
};
const contents = await summarizeContents(reader as ObjectReader, 'b');
if (contents.state !== 'read') throw new Error(contents.state);
const { objects, isCut, claims, namespaces, resources, copies } = contents.value;
const sizes = [claims.length, namespaces.size, resources.size];
console.log(JSON.stringify({ objects, isCut, sizes, single: copies.single }));
