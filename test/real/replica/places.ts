/** A versitygw and an Azurite, each with a bucket that Drydock and Kopia both reach. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../functions/stores.ts';
import type { Place } from '../../../shared/config/config.ts';
import { parseLocationUrl } from '../../../shared/config/location.ts';
import type { ObjectStore } from '../../../shared/stores/store.ts';
import { BUCKET_KEYS, Bucket } from '../../fixtures/bucket.ts';
import { type Azurite, startAzurite } from '../../support/azurite.ts';
import { systemClock } from '../../support/clock.ts';
import { silentLogger } from '../../support/logger.ts';
import type { KopiaPlace } from './kopia.ts';

export type StoreKind = 'S3' | 'Blob';

/** The way from one kind of store to the other. */
export interface Direction {
  readonly source: StoreKind;
  readonly target: StoreKind;
}

export const DIRECTIONS: readonly Direction[] = [
  { source: 'S3', target: 'Blob' },
  { source: 'Blob', target: 'S3' },
];

const NAME = 'backups';

/**
 * Any name will do: Kopia builds `http://<account>.<domain>/` and is told that Azurite is the proxy
 * for it, so that no name is ever looked up. Azurite takes the account from the name's first part.
 */
const STORAGE_DOMAIN = 'blob.drydock.test';

export class Places {
  readonly folder: string;
  readonly azurite: Azurite;
  readonly bucket: Bucket;

  private constructor(folder: string, azurite: Azurite, bucket: Bucket) {
    this.folder = folder;
    this.azurite = azurite;
    this.bucket = bucket;
  }

  static async start(): Promise<Places> {
    const folder = await mkdtemp(join(tmpdir(), 'drydock-places-'));
    const bucket = await Bucket.start(folder, NAME, { accessLog: accessLog(folder) });
    const azurite = await startAzurite();
    await azurite.container(NAME).create();
    return new Places(folder, azurite, bucket);
  }

  async close(): Promise<void> {
    await this.azurite.close();
    await this.bucket.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The store below `prefix`, opened as the command opens it, retries included. */
  store(kind: StoreKind, prefix: string): Promise<ObjectStore> {
    const context = { clock: systemClock, log: silentLogger };
    if (kind === 'Blob') {
      const env = { AZURE_STORAGE_KEY: this.azurite.accountKey };
      return openStore({ location: this.#location(kind, prefix), access: {} }, { ...context, env });
    }
    const env = { ID: BUCKET_KEYS.accessKeyId, SECRET: BUCKET_KEYS.secretAccessKey };
    const accessKey = {
      id: { scheme: 'env', name: 'ID' },
      secret: { scheme: 'env', name: 'SECRET' },
    } as const;
    const access = { accessKey };
    return openStore({ location: this.#location(kind, prefix), access }, { ...context, env });
  }

  #location(kind: StoreKind, prefix: string): Place['location'] {
    const endpoint = kind === 'S3' ? `http://${this.bucket.endpoint}` : this.azurite.endpoint;
    const query = `endpoint=${encodeURIComponent(endpoint)}`;
    return parseLocationUrl(
      kind === 'S3'
        ? `s3://${NAME}/${prefix}?region=us-east-1&${query}`
        : `azblob://${this.azurite.account}/${NAME}/${prefix}?${query}`,
    );
  }

  /** The same place as Kopia reaches it. */
  kopia(kind: StoreKind, prefix: string): KopiaPlace {
    return kind === 'S3' ? this.#kopiaOnS3(prefix) : this.#kopiaOnBlob(prefix);
  }

  /** A place on S3 as the command line is told of it. */
  drydockOnS3(prefix: string): {
    readonly url: string;
    readonly env: Readonly<Record<string, string>>;
  } {
    const endpoint = encodeURIComponent(`http://${this.bucket.endpoint}`);
    const url = `s3://${NAME}/${prefix}?region=us-east-1&endpoint=${endpoint}`;
    return { url, env: this.#keysOfS3() };
  }

  #keysOfS3(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: BUCKET_KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: BUCKET_KEYS.secretAccessKey,
    };
  }

  #kopiaOnS3(prefix: string): KopiaPlace {
    const where = ['--bucket', NAME, '--prefix', prefix, '--region', 'us-east-1'];
    const server = ['--endpoint', this.bucket.endpoint, '--disable-tls'];
    return { provider: ['s3', ...where, ...server], env: this.#keysOfS3() };
  }

  /** TLS can be switched off in a configuration file alone: no flag says so. */
  #kopiaOnBlob(prefix: string): KopiaPlace {
    const config = {
      container: NAME,
      prefix,
      storageAccount: this.azurite.account,
      storageKey: this.azurite.accountKey,
      storageDomain: STORAGE_DOMAIN,
      doNotUseTLS: true,
    };
    return {
      provider: ['from-config'],
      config: { storage: { type: 'azureBlob', config } },
      env: { HTTP_PROXY: new URL(this.azurite.endpoint).origin },
    };
  }

  /** The bucket on S3, to put things into that both of us look at. */
  ground(): { store(prefix: string): Promise<ObjectStore>; kopia(prefix: string): KopiaPlace } {
    return {
      store: (prefix) => this.store('S3', prefix),
      kopia: (prefix) => this.kopia('S3', prefix),
    };
  }

  /** Lines of versitygw's access log: one request each, in the format of S3's server access logs. */
  async requestsOnS3(): Promise<readonly string[]> {
    const text = await readFile(accessLog(this.folder), 'utf8');
    return text.split('\n').filter((line) => line !== '');
  }
}

const accessLog = (folder: string): string => join(folder, 'access.log');
