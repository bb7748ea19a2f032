import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('very many names and large labels stay within a small heap', async () => {
  const program = join(import.meta.dirname, 'many.ts');
  const run = promisify(execFile)(process.execPath, ['--max-old-space-size=96', program]);
  const answer = JSON.parse((await run).stdout);
  expect(answer).toMatchObject({ objects: 30_000, isCut: true, single: 0 });
  const [claims, namespaces, resources] = answer.sizes;
  expect([claims < 5000, namespaces, resources]).toEqual([true, 20_000, 20_000]);
});
