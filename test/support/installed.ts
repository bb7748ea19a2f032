import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { DIST, ROOT } from '../../infra/build/bundle.ts';

const LAUNCHER = 'functions/cli/drydock.mjs';

/**
 * The command line as npm installs it: its launcher and the bundle, which must have been built, below
 * `<folder>/node_modules`, where Node runs no sources. Answers the path of the launcher.
 */
export async function installDrydock(folder: string): Promise<string> {
  const home = join(folder, 'node_modules/drydock');
  await cp(join(ROOT, LAUNCHER), join(home, LAUNCHER));
  await cp(join(DIST, 'cli'), join(home, 'dist/cli'), { recursive: true });
  return join(home, LAUNCHER);
}
