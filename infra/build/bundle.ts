/**
 * Bundles what runs without this repository: the functions of each cloud and the command line.
 *
 *     npm run build            everything, into dist/
 *     node infra/build/bundle.ts <name> ...
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { literalKeys } from './literal-keys.ts';

export interface Bundle {
  readonly name: string;
  readonly entry: string;
  /** Below dist/. Every file in it belongs to the bundle. */
  readonly folder: string;
  /** Name of the file that is loaded, without `.mjs`. */
  readonly main: string;
  /** What it starts in worker threads: entries by the name of their file, beside `main`. */
  readonly workers?: Readonly<Record<string, string>>;
  /** The oldest Node that loads it. */
  readonly target: string;
}

/** Decrypts and re-hashes contents of Kopia repositories, a core each. */
const KOPIA_WORKER = { 'kopia-worker': 'shared/kopia/contents/worker.ts' };

/** Linux Consumption ends with Node 22, Flex Consumption has 24: one Azure bundle serves both. */
export const BUNDLES: readonly Bundle[] = [
  {
    name: 'aws-replicate',
    entry: 'functions/aws/replicate.ts',
    folder: 'aws/replicate',
    main: 'index',
    target: 'node24',
  },
  {
    name: 'aws-verify',
    entry: 'functions/aws/verify.ts',
    folder: 'aws/verify',
    main: 'index',
    workers: KOPIA_WORKER,
    target: 'node24',
  },
  {
    name: 'aws-verify-on-event',
    entry: 'functions/aws/verify-on-event.ts',
    folder: 'aws/verify-on-event',
    main: 'index',
    target: 'node24',
  },
  {
    name: 'aws-worker',
    entry: 'functions/aws/worker.ts',
    folder: 'aws/worker',
    main: 'index',
    workers: KOPIA_WORKER,
    target: 'node24',
  },
  {
    name: 'azure',
    entry: 'functions/azure/main.ts',
    folder: 'azure',
    main: 'main',
    workers: KOPIA_WORKER,
    target: 'node22',
  },
  {
    name: 'cli',
    entry: 'functions/cli/main.ts',
    folder: 'cli',
    main: 'main',
    workers: KOPIA_WORKER,
    target: 'node22.19',
  },
];

export const ROOT = join(import.meta.dirname, '../..');
export const DIST = join(ROOT, 'dist');

/**
 * ESM with the packages' module builds, which alone can be shaken: the AWS SDK's CommonJS build
 * costs 30 % more. What is imported lazily becomes a chunk that is read when it is first needed.
 */
function options(bundle: Bundle, dist: string): BuildOptions & { readonly metafile: true } {
  return {
    absWorkingDir: ROOT,
    entryPoints: { [bundle.main]: bundle.entry, ...bundle.workers },
    outdir: join(dist, bundle.folder),
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: bundle.target,
    mainFields: ['module', 'main'],
    conditions: ['module', 'import'],
    minify: true,
    plugins: [literalKeys],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    external: [
      // No package: the Functions host answers this name itself.
      '@azure/functions-core',
      // A listing format of storage-blob that is never asked for.
      'apache-arrow',
    ],
    banner: {
      js: "import{createRequire as drydockRequire}from'node:module';const require=drydockRequire(import.meta.url);",
    },
  };
}

/** Builds one bundle anew; its metafile goes to `<dist>/meta/<name>.json`. */
export async function bundle(one: Bundle, dist = DIST): Promise<Metafile> {
  rmSync(join(dist, one.folder), { recursive: true, force: true });
  const { metafile } = await build(options(one, dist));
  mkdirSync(join(dist, 'meta'), { recursive: true });
  writeFileSync(join(dist, 'meta', `${one.name}.json`), JSON.stringify(metafile));
  return metafile;
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  for (const one of BUNDLES.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const { outputs } = await bundle(one);
    const sizeBytes = Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0);
    const files = Object.keys(outputs).length;
    console.log(`${one.name.padEnd(20)} ${(sizeBytes / 1e6).toFixed(2)} MB in ${files} files`);
  }
}
