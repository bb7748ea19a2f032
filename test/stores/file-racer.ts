/**
 * A process of its own that replaces one version of one object five times at once.
 *
 *     node test/stores/file-racer.ts <folder> <key> <etag, or "absent"> <name>
 *
 * Waits for a line on its input, so that several begin together; prints how many times it won.
 */
import { once } from 'node:events';
import { bytesBody } from '../../shared/stores/checksum.ts';
import { fileStore } from '../../shared/stores/file.ts';
import { isStoreError } from '../../shared/stores/store-error.ts';

const [path = '', key = '', version = '', name = ''] = process.argv.slice(2);
const store = fileStore({ path });
process.stdout.write('ready\n');
await once(process.stdin, 'data');

const condition = version === 'absent' ? 'absent' : { etag: version };
let won = 0;
await Promise.all(
  Array.from({ length: 5 }, async (_, turn) => {
    const bytes = Buffer.from(`${name}${turn}`);
    try {
      await store.write(key, bytesBody(bytes), { sizeBytes: bytes.length, condition });
      won += 1;
    } catch (error) {
      if (!isStoreError(error, 'exists', 'changed')) throw error;
    }
  }),
);
process.stdout.write(`won ${won}\n`);
process.stdin.destroy();
