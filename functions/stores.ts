import { readFile } from 'node:fs/promises';
import type { Place } from '../shared/config/config.ts';
import { locationName } from '../shared/config/location.ts';
import type { SecretSources } from '../shared/config/secret.ts';
import type { Clock } from '../shared/model/clock.ts';
import { prefixed } from '../shared/stores/prefixed.ts';
import { RETRY_DEFAULTS, retrying } from '../shared/stores/retrying.ts';
import type { ObjectStore } from '../shared/stores/store.ts';
import type { Logger } from '../shared/telemetry/logger.ts';

export interface StoreContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal?: AbortSignal;
}

/**
 * The store of a place: its keys are those below the place's prefix, and what fails for the moment
 * is repeated. Vendors' SDKs are loaded only where a place needs them.
 */
export async function openStore(place: Place, context: StoreContext): Promise<ObjectStore> {
  const { location } = place;
  const store = retrying(
    await rawStore(place, context),
    {
      ...RETRY_DEFAULTS,
      random: Math.random,
      onRetry: (error, delayMs) =>
        context.log.log('info', 'store call repeated', {
          url: locationName(location),
          code: error.code,
          delayMs,
        }),
    },
    context.clock,
  );
  return location.kind === 'file' ? store : prefixed(store, location.prefix);
}

async function rawStore({ location, access }: Place, context: StoreContext): Promise<ObjectStore> {
  const sources: SecretSources = {
    env: context.env,
    readFile: (path) => readFile(path, 'utf8'),
  };
  switch (location.kind) {
    case 's3': {
      const { s3Client } = await import('./clients/s3.ts');
      const { s3Store } = await import('../shared/stores/s3.ts');
      const client = await s3Client(location, access, sources);
      const { bucket, checksums } = location;
      return s3Store({ client, bucket, checksums });
    }
    case 'azblob': {
      const { containerClient } = await import('./clients/blob.ts');
      const { blobStore } = await import('../shared/stores/blob.ts');
      const container = await containerClient(location, access, sources);
      const { account, container: containerName } = location;
      return blobStore({ container, account, containerName });
    }
    case 'file': {
      const { fileStore } = await import('../shared/stores/file.ts');
      return fileStore({ path: location.path });
    }
    default:
      return location satisfies never;
  }
}
