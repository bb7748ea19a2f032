/** Runs in a worker with a small heap: reads a directory of a million entries that is made on the way. */
import { parentPort } from 'node:worker_threads';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { readDirectory } from '../../../shared/kopia/objects/directory.ts';

const ENTRIES_PER_CONTENT = 10_000;
const CONTENTS = 100;

const hash = (n: number): string => n.toString(16).padStart(32, '0');

function piece(n: number): Buffer {
  const entries = Array.from({ length: ENTRIES_PER_CONTENT }, (_, entry) =>
    JSON.stringify({
      name: `${n * ENTRIES_PER_CONTENT + entry}`.padStart(8, '0'),
      type: 'f',
      obj: hash(entry),
    }),
  );
  const begin = n === 0 ? '{"stream":"kopia:directory","entries":[' : ',';
  return Buffer.from(`${begin}${entries.join(',')}${n === CONTENTS - 1 ? ']}' : ''}`);
}

function list(): Buffer {
  let s = 0;
  const entries = Array.from({ length: CONTENTS }, (_, n) => {
    const l = piece(n).length;
    s += l;
    return { s: s - l, l, o: `k${hash(n)}` };
  });
  return Buffer.from(JSON.stringify({ stream: 'kopia:indirect', entries }));
}

const contents: ContentReader = {
  async read(contentId) {
    return contentId === `k${hash(CONTENTS)}`
      ? list()
      : piece(Number.parseInt(contentId.slice(1), 16));
  },
};
let count = 0;
for await (const _ of readDirectory(contents, `Ik${hash(CONTENTS)}`)) count += 1;
parentPort?.postMessage(count);
