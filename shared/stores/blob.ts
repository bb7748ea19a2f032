import type {
  BlobClient,
  BlobDownloadResponseParsed,
  BlobItem,
  ContainerClient,
} from '@azure/storage-blob';
import { type BlobAttempt, translateBlobError } from './blob-errors.ts';
import { type BlobFacts, objectInfo, quoted } from './blob-objects.ts';
import { manyRemover } from './blob-remove.ts';
import { writeBlob } from './blob-upload.ts';
import { checkKey, compareKeys, shownKey } from './keys.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  RemoveFailure,
  RemoveOptions,
  ReplayableBody,
  StoreCapabilities,
  WriteOptions,
} from './store.ts';
import { isStoreError, StoreError } from './store-error.ts';
import { expectedSize, rangeError, received, wholeSize } from './transfer.ts';

export interface BlobStoreOptions {
  /** Of any endpoint and credential, built with `blobClientSettings`. */
  readonly container: ContainerClient;
  /** For messages; the client knows both where the endpoint's name or path holds the account. */
  readonly account?: string;
  readonly containerName?: string;
}

export const BLOB_CAPABILITIES: StoreCapabilities = {
  conditionalWrite: true,
  conditionalDelete: true,
  sourceEtagKept: true,
  sourceTimeListed: true,
  sourceStampListed: true,
  checksum: 'md5',
  pullFromUrl: false,
};

/** The service gives no more in one page. */
const PAGE_SIZE = 5000;

/** A container of Azure Blob storage, or of a server that speaks its protocol. */
export function blobStore(options: BlobStoreOptions): ObjectStore {
  const { container, account, containerName } = options;
  const name = containerName ?? container.containerName;
  const store = new BlobContainer(container, account ?? container.accountName, name);
  // A plain object, as all stores are: tests and wrappers take it apart.
  return {
    url: store.url,
    capabilities: BLOB_CAPABILITIES,
    list: (prefix, options) => store.list(prefix, options),
    listDirectories: (prefix, options) => store.listDirectories(prefix, options),
    stat: (key, options) => store.stat(key, options),
    read: (key, options) => store.read(key, options),
    write: (key, body, options) => store.write(key, body, options),
    remove: (key, options) => store.remove(key, options),
    removeMany: (keys, options) => store.removeMany(keys, options),
  };
}

class BlobContainer implements ObjectStore {
  readonly url: string;
  readonly capabilities = BLOB_CAPABILITIES;
  readonly #container: ContainerClient;
  readonly #removeMany: ReturnType<typeof manyRemover>;

  constructor(container: ContainerClient, account: string, name: string) {
    this.url = `azblob://${account}/${name}`;
    this.#container = container;
    this.#removeMany = manyRemover({
      container,
      url: this.url,
      urlOf: (key) => this.#shown(key),
      remove: (key, options) => this.remove(key, options),
    });
  }

  /**
   * The service cannot begin behind a key, only behind its own opaque marks, so that `startAfter`
   * saves the caller objects and not the service pages.
   */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const attempt = { verb: 'list', url: this.#shown(prefix), signal: options.signal };
    const pages = this.#container
      .listBlobsFlat({ prefix, includeMetadata: true, ...abortable(options) })
      .byPage({ maxPageSize: PAGE_SIZE });
    const items = ordered(
      attempt,
      inAttempt(attempt, pages),
      (page) => page.segment.blobItems,
      ({ name }) => name,
    );
    for await (const item of items) {
      const { startAfter } = options;
      if (startAfter !== undefined && compareKeys(item.name, startAfter) <= 0) continue;
      yield listedInfo(this.#shown(item.name), item);
    }
  }

  async *listDirectories(prefix: string, options: CallOptions = {}): AsyncGenerator<string> {
    const attempt = { verb: 'list', url: this.#shown(prefix), signal: options.signal };
    const pages = this.#container
      .listBlobsByHierarchy('/', { prefix, ...abortable(options) })
      .byPage({ maxPageSize: PAGE_SIZE });
    const items = ordered(
      attempt,
      inAttempt(attempt, pages),
      (page) => page.segment.blobPrefixes ?? [],
      ({ name }) => name,
    );
    for await (const { name } of items) yield name.slice(prefix.length);
  }

  async stat(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const attempt = { verb: 'look at', url: this.#shown(key), signal: options.signal };
    const client = this.#client(key);
    try {
      const answer = await sending(attempt, () => client.getProperties(abortable(options)));
      const { contentLength, contentMD5 } = answer;
      return objectInfo(attempt.url, key, { ...answer, md5: contentMD5 }, contentLength);
    } catch (error) {
      if (isStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectContent> {
    const { range, ifMatch, signal } = options;
    const attempt = { verb: 'read', url: this.#shown(key), signal };
    const client = this.#client(key);
    if (range !== undefined && range.lengthBytes < 1) throw rangeError(attempt.url, range);
    const answer = await sending(attempt, () =>
      client.download(range?.offsetBytes ?? 0, range?.lengthBytes, {
        ...abortable(options),
        conditions: ifMatch === undefined ? {} : { ifMatch: quoted(ifMatch) },
        // Else the SDK repeats a broken read five times by itself.
        maxRetryRequests: 0,
      }),
    );
    const body = answer.readableStreamBody as ByteStream | undefined;
    try {
      const info = objectInfo(
        attempt.url,
        key,
        downloadFacts(answer),
        wholeSize(answer.contentRange, answer.contentLength),
      );
      const sizeBytes = expectedSize(attempt.url, answer.contentLength, info, options);
      const translate = (error: unknown): unknown => translateBlobError(error, attempt);
      return { info, body: received(attempt.url, body, sizeBytes, signal, translate) };
    } catch (error) {
      body?.destroy();
      throw error;
    }
  }

  async write(key: string, body: ReplayableBody, options: WriteOptions): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    const client = this.#client(key).getBlockBlobClient();
    return writeBlob({ client, key, url: this.#shown(key) }, body, options);
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<void> {
    const { ifMatch, signal } = options;
    const attempt = { verb: 'remove', url: this.#shown(key), signal };
    const client = this.#client(key);
    const conditions = ifMatch === undefined ? {} : { ifMatch: quoted(ifMatch) };
    try {
      await sending(attempt, () => client.delete({ ...abortable(options), conditions }));
    } catch (error) {
      if (isStoreError(error, 'not_found')) return;
      // Absent is not this version either; that it is gone is what was wanted.
      const gone = isStoreError(error, 'changed') && (await this.stat(key, options)) === undefined;
      if (!gone) throw error;
    }
  }

  async removeMany(
    keys: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly RemoveFailure[]> {
    for (const key of keys) this.#client(key);
    return this.#removeMany(keys, options);
  }

  /** Throws `invalid` for a key that would not be the name of this very blob in a URL. */
  #client(key: string): BlobClient {
    checkKey(this.url, key);
    const lost = !key.isWellFormed() || key.split('/').some((part) => /^\.\.?$/.test(part));
    // The service takes a backslash for a slash: the object would lie under another name.
    if (lost || key.includes('\\')) {
      const message = `Cannot use "${this.#shown(key)}": Blob storage would give it another name`;
      throw new StoreError('invalid', message);
    }
    return this.#container.getBlobClient(key);
  }

  #shown(key: string): string {
    return `${this.url}/${shownKey(key)}`;
  }
}

function abortable({ signal }: CallOptions): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

async function sending<T>(attempt: BlobAttempt, send: () => Promise<T>): Promise<T> {
  try {
    attempt.signal?.throwIfAborted();
    return await send();
  } catch (error) {
    throw translateBlobError(error, attempt);
  }
}

/** What tells a page of a listing from any other answer, all of it optional for the SDK. */
interface Page {
  readonly containerName?: string;
  readonly segment?: object;
}

async function* inAttempt<T extends Page>(
  attempt: BlobAttempt,
  pages: AsyncIterable<T>,
): AsyncGenerator<T> {
  try {
    attempt.signal?.throwIfAborted();
    for await (const page of pages) {
      // Whatever else is answered by 200, as by a login page between, the SDK takes for empty.
      if (page.containerName === undefined || page.segment === undefined) throw notAPage(attempt);
      yield page;
      attempt.signal?.throwIfAborted();
    }
  } catch (error) {
    throw translateBlobError(error, attempt);
  }
}

function notAPage({ verb, url }: BlobAttempt): StoreError {
  const message = `Cannot ${verb} "${url}": the answer is no listing`;
  const hint = 'Check that the endpoint is one of Blob storage, and what lies between';
  return new StoreError('unreachable', message, { hint });
}

/**
 * The items of all pages, ascending by the UTF-8 bytes of their names, each once. Azurite orders
 * by UTF-16, which is another order above U+FFFF: a page is put right, but across pages a wrong
 * order cannot be, and would let whoever merges listings take objects for absent.
 */
async function* ordered<Pages, Item>(
  attempt: BlobAttempt,
  pages: AsyncIterable<Pages>,
  itemsOf: (page: Pages) => readonly Item[],
  nameOf: (item: Item) => string,
): AsyncGenerator<Item> {
  let last: string | undefined;
  for await (const page of pages) {
    const items = itemsOf(page).toSorted((a, b) => compareKeys(nameOf(a), nameOf(b)));
    for (const item of items) {
      const name = nameOf(item);
      const step = last === undefined ? 1 : compareKeys(name, last);
      // A prefix that lasts over a page's end may be told again.
      if (step === 0) continue;
      if (step < 0) throw orderError(attempt.url, name, last);
      last = name;
      yield item;
    }
    attempt.signal?.throwIfAborted();
  }
}

function orderError(url: string, name: string, last = ''): StoreError {
  const [shown, before] = [shownKey(name), shownKey(last)];
  const message = `Cannot list "${url}": the store lists "${shown}" behind "${before}"`;
  const hint = 'Use an account without hierarchical namespace: its listings have another order';
  return new StoreError('unsupported', message, { hint });
}

function listedInfo(url: string, item: BlobItem): ObjectInfo {
  const { properties, metadata } = item;
  const { etag, lastModified, accessTier, accessTierInferred } = properties;
  const facts = { etag, lastModified, metadata, accessTier, accessTierInferred };
  return objectInfo(url, item.name, facts, properties.contentLength);
}

/** Taken out one by one: the SDK's answer has them as getters, which a spread leaves behind. */
function downloadFacts(answer: BlobDownloadResponseParsed): BlobFacts {
  const { etag, lastModified, metadata, contentRange, contentMD5, blobContentMD5 } = answer;
  // Of a range the header that holds the MD5 of the whole is another one.
  const md5 = contentRange === undefined ? contentMD5 : blobContentMD5;
  return { etag, lastModified, metadata, md5 };
}

type ByteStream = AsyncIterable<Uint8Array> & { destroy(): void };
