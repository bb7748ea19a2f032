import {
  BlobSASPermissions,
  BlobServiceClient,
  type ContainerClient,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
  type UserDelegationKey,
} from '@azure/storage-blob';
import type { Clock } from '../model/clock.ts';
import { blobClientSettings } from './blob-client.ts';
import { translateBlobError } from './blob-errors.ts';
import type { PullSource } from './pull.ts';
import type { CallOptions, ObjectReader } from './store.ts';

const MINUTE_MS = 60_000;
const VALID_MS = 10 * MINUTE_MS;
/** The clocks of the two accounts and ours need not agree. */
const SKEW_MS = 5 * MINUTE_MS;
/** One request signs for so long. Its holder may do what the identity may, so not for days. */
const DELEGATION_MS = 60 * MINUTE_MS;

export interface BlobPullSourceOptions {
  /** Of the source, with the identity that may read it. */
  readonly container: ContainerClient;
  readonly reader: Pick<ObjectReader, 'url' | 'stat'>;
  readonly clock: Clock;
}

/**
 * Blobs by URLs with a shared access signature that may read one blob: signed with the account's key
 * where the client has it (emulators), else with a key that the service delegates to the identity,
 * which takes "Storage Blob Delegator" on the account.
 */
export function blobPullSource({ container, reader, clock }: BlobPullSourceOptions): PullSource {
  const delegated = delegation(container, reader.url, clock);
  return {
    vendor: 'blob',
    reader,
    async address(key, options = {}) {
      options.signal?.throwIfAborted();
      const { credential, accountName, containerName } = container;
      const now = clock.now().getTime();
      const values = {
        containerName,
        blobName: key,
        permissions: BlobSASPermissions.from({ read: true }),
        startsOn: new Date(now - SKEW_MS),
        expiresOn: new Date(now + VALID_MS),
      };
      const query =
        credential instanceof StorageSharedKeyCredential
          ? generateBlobSASQueryParameters(values, credential)
          : generateBlobSASQueryParameters(values, await delegated(options), accountName);
      return `${container.getBlobClient(key).url}?${query}`;
    },
  };
}

/** The service's key for the identity, asked for again before its end. */
function delegation(container: ContainerClient, url: string, clock: Clock) {
  let held: { readonly key: UserDelegationKey; readonly untilMs: number } | undefined;
  return async ({ signal }: CallOptions): Promise<UserDelegationKey> => {
    const now = clock.now().getTime();
    if (held !== undefined && now + VALID_MS < held.untilMs) return held.key;
    const account = container.url.slice(0, container.url.lastIndexOf('/'));
    const service = new BlobServiceClient(
      account,
      container.credential,
      blobClientSettings(account),
    );
    const until = new Date(now + DELEGATION_MS);
    const abort = signal ? { abortSignal: signal } : {};
    try {
      const key = await service.getUserDelegationKey(new Date(now - SKEW_MS), until, abort);
      held = { key, untilMs: until.getTime() };
      return key;
    } catch (error) {
      throw translateBlobError(error, { verb: 'sign for', url, signal });
    }
  };
}
