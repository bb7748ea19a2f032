/** Runs in a worker with a small heap: many directories half read, each with much that is no entry. */
import { parentPort } from 'node:worker_threads';
import type { ContentReader } from '../../../shared/kopia/contents/content-reader.ts';
import { readDirectory } from '../../../shared/kopia/objects/directory.ts';

const waste = `[${'{},'.repeat(350_000)}{}]`;
const text = `{"stream":"kopia:directory","entries":[{"name":"a","waste":${waste}},{"name":"b"}]}`;
const bytes = Buffer.from(text);
const reader: ContentReader = { read: async () => bytes };

const underWay = Array.from({ length: 20 }, () => readDirectory(reader, `k${'0'.repeat(32)}`));
const first = await Promise.all(underWay.map((directory) => directory.next()));
const second = await Promise.all(underWay.map((directory) => directory.next()));
parentPort?.postMessage([...first, ...second].filter(({ done }) => done === false).length);
