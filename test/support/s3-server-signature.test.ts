import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readBody } from './s3-server/body.ts';
import { parseRequest } from './s3-server/request.ts';
import { authenticate } from './s3-server/signature.ts';

// The worked examples of AWS's documentation ("Authenticating Requests" in the S3 API reference),
// which were signed by nobody here. Its key is published there as an example.
const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const rules = { credentials, region: 'us-east-1', now: new Date('2013-05-24T00:00:00Z') };
const SCOPE = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';

function message(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: Buffer = Buffer.alloc(0),
): IncomingMessage {
  const parts = { method, url, rawHeaders: Object.entries(headers).flat(), headers };
  return Object.assign(Readable.from([body]), parts) as unknown as IncomingMessage;
}

describe('a presigned URL', () => {
  const query = (signature: string): string =>
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
    `&X-Amz-Credential=${encodeURIComponent(SCOPE)}&X-Amz-Date=20130524T000000Z` +
    `&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`;
  const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
  const host = { host: 'examplebucket.s3.amazonaws.com' };
  const ask = (url: string, now = rules.now) =>
    authenticate(parseRequest(message('GET', url, host)), { ...rules, now });

  test('is accepted until it expires', () => {
    expect(ask(query(signature)).payload).toBe('UNSIGNED-PAYLOAD');
    expect(ask(query(signature), new Date('2013-05-24T23:59:59Z'))).toBeDefined();
    expect(() => ask(query(signature), new Date('2013-05-25T00:00:01Z'))).toThrow(/expired/);
    expect(() => ask(query(signature), new Date('2013-05-23T23:00:00Z'))).toThrow(/not valid yet/);
  });

  test('is refused when anything in it was changed', () => {
    const tampered = [
      query(signature.replace('ae', 'af')),
      query(signature).replace('test.txt', 'other.txt'),
      query(signature).replace('86400', '86401'),
      `${query(signature)}&versionId=1`,
    ];
    for (const url of tampered) expect(() => ask(url)).toThrow(/does not match/);
  });
});

describe('signed chunks', () => {
  const headers = {
    host: 's3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    authorization:
      `AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=content-encoding;content-length;host;` +
      'x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,' +
      'Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
    'content-length': '66824',
  };
  const chunks = (letter: string): Buffer =>
    Buffer.from(
      '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648' +
        `\r\n${letter.repeat(65536)}\r\n` +
        '400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497' +
        `\r\n${letter.repeat(1024)}\r\n` +
        '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9' +
        '\r\n\r\n',
    );
  const read = async (body: Buffer) => {
    const incoming = message('PUT', '/examplebucket/chunkObject.txt', headers, body);
    const request = parseRequest(incoming);
    return readBody(incoming, request, authenticate(request, rules));
  };

  test('are decoded when every link of the chain holds', async () => {
    const { bytes } = await read(chunks('a'));
    expect(bytes.equals(Buffer.alloc(66560, 'a'))).toBe(true);
  });

  test('are refused when their bytes were changed', async () => {
    await expect(read(chunks('b'))).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
  });
});
