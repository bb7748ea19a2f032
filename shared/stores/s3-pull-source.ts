import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { PullSource } from './pull.ts';
import { translateS3Error } from './s3-errors.ts';
import type { ObjectReader } from './store.ts';
import { StoreError } from './store-error.ts';

/**
 * Time enough to begin reading, which is when S3 looks at it; the URL also dies with the session of
 * the credentials that signed it.
 */
const VALID_SECONDS = 600;

export interface S3PullSourceOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly reader: Pick<ObjectReader, 'url' | 'stat'>;
}

/** The parts of the SDK's request and signer that are used; their packages are not ours to import. */
interface SignableRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

interface Presigner {
  presign(request: SignableRequest, options: { expiresIn: number }): Promise<SignableRequest>;
}

/** Objects of a bucket by presigned GET URLs, made without a request. */
export function s3PullSource({ client, bucket, reader }: S3PullSourceOptions): PullSource {
  return {
    vendor: 's3',
    reader,
    async address(key, { signal } = {}) {
      signal?.throwIfAborted();
      try {
        const request = await requestOf(client, bucket, key);
        const signer = await signerOf(client);
        return formatted(await signer.presign(request, { expiresIn: VALID_SECONDS }));
      } catch (error) {
        throw translateS3Error(error, { verb: 'sign for', url: `${reader.url}/${key}`, signal });
      }
    },
  };
}

/** What the client would send, with its endpoint and style of addressing, and none of its headers. */
async function requestOf(client: S3Client, Bucket: string, Key: string): Promise<SignableRequest> {
  const command = new GetObjectCommand({ Bucket, Key });
  let request: SignableRequest | undefined;
  command.middlewareStack.add(
    () => async (args) => {
      request = args.request as SignableRequest;
      // Nothing is sent: what the client makes of an empty answer interests nobody.
      return { response: undefined, output: { $metadata: {} } };
    },
    { step: 'build', priority: 'low' },
  );
  await client.send(command);
  if (request === undefined) throw new StoreError('unsupported', 'Cannot see the request to sign');
  const { hostname, port } = request;
  // Whoever reads sends the host alone: others would have to be sent as they were signed. That there
  // is no hash of a body moves to the query.
  request.headers = {
    host: port === undefined ? hostname : `${hostname}:${port}`,
    'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
  };
  return request;
}

async function signerOf(client: S3Client): Promise<Presigner> {
  const { signer } = client.config as { signer?: () => Promise<unknown> };
  const found = await signer?.();
  if (isPresigner(found)) return found;
  throw new StoreError('unsupported', 'Cannot sign a URL with this S3 client');
}

function isPresigner(value: unknown): value is Presigner {
  const fields = (value ?? {}) as Record<string, unknown>;
  return typeof fields['presign'] === 'function';
}

function formatted({ protocol, hostname, port, path, query }: SignableRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one) => `${escaped(name)}=${escaped(one)}`),
  );
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}?${pairs.join('&')}`;
}

/** RFC 3986, which signatures demand, leaves fewer characters than `encodeURIComponent` does. */
function escaped(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
