/** Runs in a worker with a small heap: reads a large directory whose pieces are all the same. */
import { parentPort } from 'node:worker_threads';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { readDirectory } from '../../../shared/kopia/objects/directory.ts';

const HASH = '0123456789abcdef0123456789abcdef';
const PIECES = 100;

const entry = JSON.stringify({ name: 'entry'.padEnd(40), type: 'f', obj: HASH });
const piece = Buffer.from(`${entry},`.repeat(5000));
const contents = new Map([
  ['g', Buffer.from('{"stream":"kopia:directory","entries":[')],
  ['h', piece],
  ['i', Buffer.from('{}]}')],
]);
const order = ['g', ...Array.from({ length: PIECES }, () => 'h'), 'i'];
let s = 0;
const entries = order.map((letter) => {
  const l = contents.get(letter)?.length ?? 0;
  s += l;
  return { s: s - l, l, o: `${letter}${HASH}` };
});
contents.set('k', Buffer.from(JSON.stringify({ stream: 'kopia:indirect', entries })));

const reader: ContentReader = {
  read: async (contentId) => contents.get(contentId.charAt(0)) ?? Buffer.alloc(0),
};
let count = 0;
for await (const _ of readDirectory(reader, `Ik${HASH}`)) count += 1;
parentPort?.postMessage(count);
