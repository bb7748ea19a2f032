import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { BUNDLES, type Bundle, DIST } from '../../infra/build/bundle.ts';

/** What `npm run build` left; `npm test` runs it first. */
function metafile({ name }: Bundle): Metafile {
  return JSON.parse(readFileSync(join(DIST, 'meta', `${name}.json`), 'utf8')) as Metafile;
}

/** The packages whose code is in these outputs. */
function packagesIn(meta: Metafile, outputs: Iterable<string>): string[] {
  const inputs = [...outputs].flatMap((path) => Object.keys(meta.outputs[path]?.inputs ?? {}));
  const names = inputs.flatMap(
    (path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  );
  return [...new Set(names)].sort();
}

/** The outputs that are read before the first line of the entry, or of a worker's, runs. */
function readAtStart(bundle: Bundle, meta: Metafile, main = bundle.main): Set<string> {
  const found = new Set([`dist/${bundle.folder}/${main}.mjs`]);
  for (const path of found) {
    for (const { path: next, kind } of meta.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && meta.outputs[next] !== undefined) found.add(next);
    }
  }
  return found;
}

const isVendorSdk = (name: string): boolean => /^@(aws-sdk|azure|kubernetes|smithy)\//.test(name);

describe.each(BUNDLES)('the bundle $name', (bundle) => {
  const meta = metafile(bundle);

  test('is built from its entry', () => {
    const main = `dist/${bundle.folder}/${bundle.main}.mjs`;
    expect(meta.outputs[main]?.entryPoint).toBe(bundle.entry);
    expect(existsSync(join(DIST, '..', main))).toBe(true);
  });

  test('leaves out nothing but what its host answers and what is never asked for', () => {
    const left = Object.values(meta.outputs)
      .flatMap((output) => output.imports)
      .filter(({ external, path }) => external && !path.startsWith('node:'))
      .map(({ path }) => path)
      .filter((path) => !isBuiltin(path));
    // The last two are optional accelerators of `ws`, which the Kubernetes client brings.
    const known = ['@azure/functions-core', 'apache-arrow', 'bufferutil', 'utf-8-validate'];
    expect([...new Set(left)].filter((path) => !known.includes(path))).toEqual([]);
  });
});

const WORKERS = BUNDLES.flatMap((bundle) =>
  Object.entries(bundle.workers ?? {}).map(([main, entry]) => ({ bundle, main, entry })),
);

describe.each(WORKERS)('the worker $main of the bundle $bundle.name', ({ bundle, main, entry }) => {
  const meta = metafile(bundle);

  test('lies beside the file that starts it', () => {
    const path = `dist/${bundle.folder}/${main}.mjs`;
    expect(meta.outputs[path]?.entryPoint).toBe(entry);
    expect(existsSync(join(DIST, '..', path))).toBe(true);
  });

  test('loads little: each thread has a copy', () => {
    const outputs = readAtStart(bundle, meta, main);
    expect(packagesIn(meta, outputs)).toEqual(['hash-wasm']);
    const sizeBytes = [...outputs].reduce((sum, path) => sum + (meta.outputs[path]?.bytes ?? 0), 0);
    expect(sizeBytes).toBeLessThan(300_000);
  });
});

describe.each(BUNDLES.filter(({ name }) => name !== 'cli'))(
  'the function bundle $name',
  (bundle) => {
    const meta = metafile(bundle);

    test('holds neither the Kubernetes client nor what only it needs', () => {
      const packages = packagesIn(meta, Object.keys(meta.outputs));
      const heavy = ['@kubernetes/client-node', 'undici', 'ws', 'openid-client', 'commander'];
      expect(packages.filter((name) => heavy.includes(name))).toEqual([]);
    });

    test('starts without any SDK: each is read when a route needs it', () => {
      const packages = packagesIn(meta, readAtStart(bundle, meta)).filter(isVendorSdk);
      const own =
        bundle.name === 'azure' ? ['@azure/functions', '@azure/functions-extensions-base'] : [];
      expect(packages).toEqual(own);
    });

    test('can reach both clouds, since routes cross them', () => {
      const packages = packagesIn(meta, Object.keys(meta.outputs));
      expect(packages).toEqual(
        expect.arrayContaining(['@aws-sdk/client-s3', '@azure/storage-blob']),
      );
    });
  },
);

test('what only sends shards holds none of the work', () => {
  const bundle = BUNDLES.find(({ name }) => name === 'aws-verify-on-event');
  if (bundle === undefined) throw new Error('no such bundle');
  const inputs = Object.values(metafile(bundle).outputs).flatMap((one) => Object.keys(one.inputs));
  expect(inputs.filter((path) => /^shared\/(verify|kopia|kubernetes)\//.test(path))).toEqual([]);
});
