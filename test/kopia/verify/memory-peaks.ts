import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { DAMAGES } from '../../support/kopia-damage/damages.ts';
import { writeTwin } from '../../support/kopia-damage/make.ts';

/** Of the whole process, Node's own 60 MB included. The bombs hold gigabytes, the counts more. */
const PEAK_SIZE_BYTES_MAX = 320e6;
const HEAP_MIB = 64;

/** Verifies every hostile repository in one process with a small heap, started with `nodeArgs`. */
export async function checkMemoryPeaks(nodeArgs: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-hostile-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const places: string[] = [];
  for (const { name, from, make } of DAMAGES) {
    if (from !== 'writer') continue;
    const twin = await make();
    await writeTwin(twin, join(folder, name));
    places.push(join(folder, name, twin.prefix), twin.password);
  }
  expect(places.length).toBeGreaterThan(60);
  const script = join(import.meta.dirname, 'verify-folders.ts');
  const flags = [`--max-old-space-size=${HEAP_MIB}`, ...nodeArgs, script];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...places]);
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(places.length / 2);
  for (const line of lines) {
    const { folder: place, told, peakSizeBytes } = JSON.parse(line) as Record<string, unknown>;
    expect([place, told]).not.toContain('');
    expect(peakSizeBytes).toBeLessThan(PEAK_SIZE_BYTES_MAX);
  }
}
