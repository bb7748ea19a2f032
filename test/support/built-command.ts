import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUNDLES, bundle, ROOT } from '../../infra/build/bundle.ts';

/** Where `setup` tells the workers the launcher of the command that it built. */
export const LAUNCHER_VARIABLE = 'DRYDOCK_TEST_LAUNCHER';

const LAUNCHER = 'functions/cli/drydock.mjs';

/**
 * Before the tests: builds the command line from the sources as they are now, as npm would install
 * it. Started from sources each of some hundred commands would take twice as long.
 */
export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-command-'));
  const home = join(folder, 'node_modules/drydock');
  for (const one of BUNDLES.filter(({ name }) => name === 'cli')) {
    await bundle(one, join(home, 'dist'));
  }
  await mkdir(dirname(join(home, LAUNCHER)), { recursive: true });
  await copyFile(join(ROOT, LAUNCHER), join(home, LAUNCHER));
  process.env[LAUNCHER_VARIABLE] = join(home, LAUNCHER);
  return () => rm(folder, { recursive: true, force: true });
}
