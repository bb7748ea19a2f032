import { readFile } from 'node:fs/promises';
import { CONFIG_FILE, type Config } from '../../shared/config/config.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { DrydockError } from '../../shared/model/errors.ts';

const read = (path: string): Promise<string> => readFile(path, 'utf8');

/** The file of `--config`, else ./drydock.yaml where it exists, else nothing. */
export async function optionalConfig(file: string | undefined): Promise<Config | undefined> {
  if (file !== undefined) return loadConfig(file, read);
  try {
    return await loadConfig(CONFIG_FILE, read);
  } catch (error) {
    if (error instanceof DrydockError && error.code === 'CONFIG_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The same where a command cannot do without. */
export function requiredConfig(file: string | undefined): Promise<Config> {
  return loadConfig(file ?? CONFIG_FILE, read);
}
