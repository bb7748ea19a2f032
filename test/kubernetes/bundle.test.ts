import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** What the client adds to a function, as `infra/build/bundle.ts` bundles it. */
async function bundled(...files: readonly string[]) {
  const lines = files.map((file) => `export * from './shared/kubernetes/${file}.ts';`);
  const { metafile, outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    write: false,
    metafile: true,
    outfile: 'out.mjs',
  });
  const inputs = Object.keys(metafile.inputs);
  return { sizeBytes: outputFiles[0]?.contents.length ?? 0, inputs };
}

test('the client is small and needs no package; neither does a pod that reads its own cluster', async () => {
  const { sizeBytes, inputs } = await bundled('client', 'in-cluster');
  expect(inputs.filter((path) => path.includes('node_modules'))).toEqual([]);
  expect(sizeBytes).toBeGreaterThan(1000);
  expect(sizeBytes).toBeLessThan(20_000);
});

test('a kubeconfig needs the YAML parser, which the configuration needs too', async () => {
  const { inputs } = await bundled('kubeconfig');
  const packages = inputs.flatMap((path) => /node_modules\/([^/]+)\//.exec(path)?.[1] ?? []);
  expect([...new Set(packages)]).toEqual(['yaml']);
});
