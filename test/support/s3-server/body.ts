import type { IncomingMessage } from 'node:http';
import { s3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { type Authentication, EMPTY_SHA256, sameText, sha256 } from './signature.ts';

/** A verified body, and the trailers that came behind an `aws-chunked` one. */
export interface Body {
  readonly bytes: Buffer;
  readonly trailers: ReadonlyMap<string, string>;
}

/** S3 takes no more in one request; far below is what a test server should hold. */
const BODY_SIZE_BYTES_MAX = 512 * 1024 * 1024;
/** Of every chunk but the last, which is what catches a client that streams byte by byte. */
const CHUNK_SIZE_BYTES_MIN = 8 * 1024;

/** The whole body of a request, checked against its length and the hash that was signed. */
export async function readBody(
  message: IncomingMessage,
  request: S3Request,
  auth: Authentication,
): Promise<Body> {
  const raw = await readRaw(message);
  if (auth.payload.startsWith('STREAMING-')) return decodeChunks(raw, request, auth);
  if (auth.payload !== 'UNSIGNED-PAYLOAD' && sha256(raw) !== auth.payload) {
    throw s3Error('XAmzContentSHA256Mismatch', {
      ClientComputedContentSHA256: auth.payload,
      S3ComputedContentSHA256: sha256(raw),
    });
  }
  return { bytes: raw, trailers: new Map() };
}

async function readRaw(message: IncomingMessage): Promise<Buffer> {
  const { headers } = message;
  const length = headers['content-length'];
  if (length === undefined && headers['transfer-encoding'] === undefined) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_SIZE_BYTES_MAX) throw s3Error('EntityTooLarge');
    chunks.push(chunk);
  }
  if (length !== undefined && Number(length) !== sizeBytes) throw s3Error('IncompleteBody');
  return Buffer.concat(chunks, sizeBytes);
}

/**
 * The `aws-chunked` encoding ("Signature Calculations … Transfer Payload in Multiple Chunks"):
 * `<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n`, a chunk of size 0, then trailers.
 */
function decodeChunks(raw: Buffer, request: S3Request, auth: Authentication): Body {
  const signed = auth.payload.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD');
  if (!signed && auth.payload !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') {
    throw s3Error('NotImplemented', {}, `Payload "${auth.payload}" is not implemented`);
  }
  const pieces: Buffer[] = [];
  let chain = auth.signature;
  let at = 0;
  for (;;) {
    const { line, next } = readLine(raw, at);
    const match = /^([0-9a-f]+)(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
    if (match === null) throw s3Error('IncompleteBody');
    const piece = raw.subarray(next, next + Number.parseInt(match[1] ?? '', 16));
    if (signed) chain = verifyChunk(auth, chain, piece, match[2]);
    at = next + piece.length;
    if (piece.length === 0) break;
    const before = pieces.at(-1);
    if (before !== undefined && before.length < CHUNK_SIZE_BYTES_MIN) {
      throw s3Error('InvalidChunkSizeError');
    }
    pieces.push(piece);
    if (raw.subarray(at, at + 2).toString() !== '\r\n') throw s3Error('IncompleteBody');
    at += 2;
  }
  const bytes = Buffer.concat(pieces);
  checkDecodedLength(bytes, request);
  const trailers = readTrailers(raw, at);
  if (signed && auth.payload.endsWith('-TRAILER')) verifyTrailers(auth, chain, trailers);
  return { bytes, trailers };
}

function checkDecodedLength(bytes: Buffer, request: S3Request): void {
  const announced = request.header('x-amz-decoded-content-length');
  if (announced === undefined) throw s3Error('MissingContentLength');
  if (Number(announced) !== bytes.length) throw s3Error('IncompleteBody');
}

function readLine(raw: Buffer, at: number): { line: string; next: number } {
  const end = raw.indexOf('\r\n', at);
  if (end < 0) throw s3Error('IncompleteBody');
  return { line: raw.toString('latin1', at, end), next: end + 2 };
}

function readTrailers(raw: Buffer, start: number): Map<string, string> {
  const trailers = new Map<string, string>();
  for (let at = start; at < raw.length; ) {
    const { line, next } = readLine(raw, at);
    if (line === '') break;
    const colon = line.indexOf(':');
    trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    at = next;
  }
  return trailers;
}

function verifyChunk(
  auth: Authentication,
  chain: string,
  piece: Buffer,
  signature: string | undefined,
): string {
  const algorithm = 'AWS4-HMAC-SHA256-PAYLOAD';
  const expected = auth.sign(algorithm, chain, EMPTY_SHA256, sha256(piece));
  if (signature === undefined || !sameText(expected, signature)) {
    throw s3Error('SignatureDoesNotMatch');
  }
  return expected;
}

function verifyTrailers(auth: Authentication, chain: string, trailers: Map<string, string>): void {
  const signature = trailers.get('x-amz-trailer-signature') ?? '';
  trailers.delete('x-amz-trailer-signature');
  const text = [...trailers].map(([name, value]) => `${name}:${value}\n`).join('');
  const expected = auth.sign('AWS4-HMAC-SHA256-TRAILER', chain, sha256(text));
  if (!sameText(expected, signature)) throw s3Error('SignatureDoesNotMatch');
}
