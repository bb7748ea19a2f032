/**
 * Packages the functions of both clouds, offline and without credentials, from what `npm run build`
 * left in dist/. The same sources give the same bytes in every zip.
 *
 *     npm run package          dist/package/aws/ (template and zips), dist/package/azure/drydock.zip
 *
 * A `drydock.yaml` beside package.json goes into both packages: DRYDOCK_CONFIG is then
 * `drydock.yaml` on AWS (serverless.yml sets it) and the path of it below `wwwroot` on Azure.
 * Without it, DRYDOCK_CONFIG must be the URL of the file: s3://…/drydock.yaml, azblob://….
 */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { BUNDLES, DIST, ROOT } from './bundle.ts';

/** What Lambda and the Functions host have to fetch and unpack at a cold start (DESIGN 9). */
export const ZIP_BYTES_MAX = 1_000_000;

/** `-rw-r--r--`, as Unix systems write it into the upper half of a zip's attributes. */
const REGULAR_FILE = 0o100644 * 2 ** 16;

const PACKAGES = join(DIST, 'package');

export interface PackageSize {
  readonly zip: string;
  readonly sizeBytes: number;
}

/** Runs `serverless package` on serverless.yml; answers the zip of each function. */
export async function packageAws(): Promise<PackageSize[]> {
  const folder = join(PACKAGES, 'aws');
  rmSync(folder, { recursive: true, force: true });
  await serverless(['package', '--package', folder]);
  return globSync('*.zip', { cwd: folder }).map((name) => sizeOf(join(folder, name)));
}

async function serverless(args: readonly string[]): Promise<void> {
  const program = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`Cannot package with serverless: exit code ${code}\n${output}`);
}

/** The function app: host.json, a manifest of its own and the bundle. No node_modules. */
export function packageAzure(): PackageSize {
  const folder = join(PACKAGES, 'azure');
  const app = join(folder, 'app');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(app, { recursive: true });
  cpSync(join(DIST, 'azure'), app, { recursive: true });
  cpSync(join(ROOT, 'host.json'), join(app, 'host.json'));
  const config = join(ROOT, 'drydock.yaml');
  if (existsSync(config)) cpSync(config, join(app, 'drydock.yaml'));
  writeFileSync(join(app, 'package.json'), azureManifest());
  const zip = join(folder, 'drydock.zip');
  writeFileSync(zip, zipOf(app));
  return sizeOf(zip);
}

/** The repository's own would bring dev dependencies and set off a build in the cloud. */
function azureManifest(): string {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const manifest = { name, version, private: true, type: 'module', main: 'main.mjs' };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** A zip of all files of `folder`, in path order and without times: equal files, equal bytes. */
export function zipOf(folder: string): Uint8Array {
  // A zip holds local times and begins in 1980.
  const mtime = new Date(1980, 0, 1);
  const files: Zippable = {};
  const paths = globSync('**/*', { cwd: folder }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  for (const path of paths.sort()) {
    const name = path.replaceAll('\\', '/');
    files[name] = [
      readFileSync(join(folder, path)),
      { mtime, level: 9, os: 3, attrs: REGULAR_FILE },
    ];
  }
  return zipSync(files);
}

function sizeOf(zip: string): PackageSize {
  return { zip, sizeBytes: statSync(zip).size };
}

if (import.meta.main) {
  for (const { name, folder, main } of BUNDLES) {
    if (existsSync(join(DIST, folder, `${main}.mjs`))) continue;
    throw new Error(`Cannot package "${name}": it is not built, run npm run build first`);
  }
  for (const { zip, sizeBytes } of [...(await packageAws()), packageAzure()]) {
    const room = sizeBytes > ZIP_BYTES_MAX ? 'OVER' : 'within';
    console.log(`${(sizeBytes / 1e6).toFixed(2)} MB, ${room} the budget: ${zip}`);
    if (sizeBytes > ZIP_BYTES_MAX) process.exitCode = 1;
  }
}
