import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';

/** Unpacks a zip as a cloud would, far from any node_modules; answers the folder. */
export function unzipped(zip: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-zip-'));
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zip)))) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  return folder;
}
