import { readFile } from 'node:fs/promises';
import type { Config } from '../shared/config/config.ts';
import { loadConfig, parseConfig } from '../shared/config/load.ts';
import { type Location, locationName, parseLocationUrl } from '../shared/config/location.ts';
import { DrydockError } from '../shared/model/errors.ts';
import { openStore, type StoreContext } from './stores.ts';

const SIZE_BYTES_MAX = 1024 * 1024;

/**
 * The configuration that `where` names: a path, or the URL of an object, read with the credentials
 * of the standard chain.
 */
export async function configFrom(where: string, context: StoreContext): Promise<Config> {
  if (!where.includes('://')) return loadConfig(where, (path) => readFile(path, 'utf8'));
  const location = parseLocationUrl(where);
  if (location.kind === 'file') return loadConfig(location.path, (path) => readFile(path, 'utf8'));
  const { folder, key } = split(location);
  const store = await openStore({ location: folder, access: {} }, context);
  const { info, body } = await store.read(key, {
    ...(context.signal && { signal: context.signal }),
  });
  const name = locationName(location);
  if (info.sizeBytes > SIZE_BYTES_MAX) {
    const message = `Cannot read "${name}": it has ${info.sizeBytes} bytes, at most 1 MiB is read`;
    throw new DrydockError('usage', 'CONFIG_UNREADABLE', message, {
      hint: 'Name the YAML file itself',
    });
  }
  const text = Buffer.concat(await Array.fromAsync(body)).toString('utf8');
  return parseConfig(text, name);
}

/** A location's prefix ends in `/`; that of an object is a key, and its folder the location. */
function split(location: Exclude<Location, { kind: 'file' }>): { folder: Location; key: string } {
  const path = location.prefix.replace(/\/$/, '');
  const start = path.lastIndexOf('/') + 1;
  const key = path.slice(start);
  if (key === '') {
    const message = `Cannot read the configuration "${locationName(location)}": it names no object`;
    throw new DrydockError('usage', 'CONFIG_NOT_FOUND', message, {
      hint: 'Write the whole key, like s3://bucket/drydock/drydock.yaml',
    });
  }
  return { folder: { ...location, prefix: path.slice(0, start) }, key };
}
