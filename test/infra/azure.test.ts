import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { FUNCTION_TIMEOUT_MS } from '../../functions/azure/function-timeout.ts';
import { ROOT } from '../../infra/build/bundle.ts';
import { type PackageSize, packageAzure, ZIP_BYTES_MAX } from '../../infra/build/package.ts';
import { startFunctionApp } from '../support/azure-functions-host.ts';
import { unzipped } from '../support/unzip.ts';

let size: PackageSize;
let files: Record<string, string>;

beforeAll(() => {
  size = packageAzure();
  const entries = Object.entries(unzipSync(readFileSync(size.zip)));
  files = Object.fromEntries(entries.map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
});

describe('the zip of the function app', () => {
  test('keeps to the budget and holds no packages, no settings and no sources', () => {
    expect(size.sizeBytes).toBeLessThanOrEqual(ZIP_BYTES_MAX);
    const foreign = Object.keys(files).filter(
      (name) =>
        !/^(host\.json|package\.json|(main|kopia-worker)\.mjs|chunks\/[^/]+\.mjs)$/.test(name),
    );
    expect(foreign.filter((name) => name !== 'drydock.yaml')).toEqual([]);
  });

  test('names a main file that it holds: with none the app starts without functions', () => {
    const manifest = JSON.parse(files['package.json'] ?? '');
    expect(files[manifest.main]).toBeDefined();
    expect(Object.keys(manifest)).not.toContain('dependencies');
  });

  test('loads from what it unpacks to and registers its functions', async () => {
    const folder = unzipped(size.zip);
    const { main } = JSON.parse(files['package.json'] ?? '');
    const env = { DRYDOCK_QUEUE_URL: 'https://acme.queue.core.windows.net/drydock-shards' };
    const app = await startFunctionApp(join(folder, main), env);
    try {
      const names = app.functions.map(({ name }) => name);
      expect(names.sort()).toEqual(['replicate', 'verify', 'verify-on-event', 'worker']);
    } finally {
      await app.close();
      rmSync(folder, { recursive: true });
    }
  });

  test('is the same, byte by byte, when nothing changed', () => {
    const before = readFileSync(size.zip);
    expect(readFileSync(packageAzure().zip).equals(before)).toBe(true);
  });
});

describe('host.json', () => {
  const host = JSON.parse(readFileSync(join(ROOT, 'host.json'), 'utf8'));

  test('sets a time limit that every plan allows, the one that the function reckons with', () => {
    expect(host.functionTimeout).toBe('00:10:00');
    expect(FUNCTION_TIMEOUT_MS).toBe(10 * 60_000);
  });

  test('takes messages as they were sent, one at a time, and gives up after some failures', () => {
    expect(host.extensions.queues).toMatchObject({
      messageEncoding: 'none',
      batchSize: 1,
      newBatchThreshold: 0,
      maxDequeueCount: 5,
    });
  });

  test('brings the extensions of version 4', () => {
    expect(host.version).toBe('2.0');
    expect(host.extensionBundle.version).toBe('[4.*, 5.0.0)');
  });
});
