import { type Call, headerOrTrailer, type Reply, unquoted, xmlReply } from './call.ts';
import { verifyBody } from './checksums.ts';
import { S3Error, s3Error } from './errors.ts';
import { isoSeconds, listObjects } from './listing.ts';
import { listUploads } from './multipart.ts';
import { Bucket } from './storage.ts';
import { type XmlElements, xmlBlocks, xmlDocument, xmlText } from './xml.ts';

const KEYS_PER_DELETE_MAX = 1000;

export function listBuckets({ buckets }: Call): Reply {
  const shown = [...buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return xmlReply(
    xmlDocument('ListAllMyBucketsResult', {
      Owner: { ID: 'drydock-test', DisplayName: 'drydock-test' },
      Buckets: {
        Bucket: shown.map(({ name, created }) => ({
          Name: name,
          CreationDate: isoSeconds(created),
        })),
      },
    }),
  );
}

export async function createBucket(call: Call): Promise<Reply> {
  const name = call.request.bucket;
  await call.body();
  addBucket(call.buckets, name, call.now());
  return { status: 200, headers: { location: `/${name}` } };
}

export function addBucket(buckets: Map<string, Bucket>, name: string, created: Date): Bucket {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw s3Error('InvalidBucketName', { BucketName: name });
  }
  if (buckets.has(name)) throw s3Error('BucketAlreadyOwnedByYou', { BucketName: name });
  const bucket = new Bucket(name, created);
  buckets.set(name, bucket);
  return bucket;
}

export function headBucket({ bucket, region }: Call): Reply {
  bucket();
  return { status: 200, headers: { 'x-amz-bucket-region': region } };
}

export function deleteBucket({ bucket, buckets }: Call): Reply {
  const { name, size } = bucket();
  if (size > 0) throw s3Error('BucketNotEmpty', { BucketName: name });
  buckets.delete(name);
  return { status: 204 };
}

/** GET of a bucket: its objects, or one of the sub-resources that clients ask for. */
export function getBucket({ bucket, request, region }: Call): Reply {
  const has = (name: string): boolean => request.param(name) !== undefined;
  const found = bucket();
  if (has('location')) {
    // The oldest region has no name here.
    const name = region === 'us-east-1' ? '' : region;
    const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
    const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
    return xmlReply(`${head}<LocationConstraint ${namespace}>${name}</LocationConstraint>`);
  }
  if (has('uploads')) return xmlReply(listUploads(found, request));
  return xmlReply(listObjects(found, request), { 'x-amz-bucket-region': region });
}

/** DeleteObjects: up to 1,000 keys, each with its own outcome and its own condition. */
export async function deleteObjects(call: Call): Promise<Reply> {
  const { request, bucket } = call;
  const body = await call.body();
  const lookup = headerOrTrailer(request, body);
  const announced = await verifyBody(body.bytes, lookup);
  if (announced === undefined && lookup('content-md5') === undefined) {
    const message = 'Missing required header for this request: Content-MD5 or x-amz-checksum-*';
    throw s3Error('InvalidRequest', {}, message);
  }
  const xml = body.bytes.toString();
  const blocks = xmlBlocks(xml, 'Object');
  if (blocks.length === 0 || blocks.length > KEYS_PER_DELETE_MAX) throw s3Error('MalformedXML');
  const quiet = xmlText(xml, 'Quiet') === 'true';
  const deleted: XmlElements[] = [];
  const errors: XmlElements[] = [];
  for (const block of blocks) {
    const key = xmlText(block, 'Key') ?? '';
    try {
      if (bucket().remove(key, unquoted(xmlText(block, 'ETag')))) {
        call.changed({ key, reason: 'DeleteObject' });
      }
      deleted.push({ Key: key });
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      errors.push({ Key: key, Code: error.code, Message: error.message });
    }
  }
  const result = { Deleted: quiet ? undefined : deleted, Error: errors };
  return xmlReply(xmlDocument('DeleteResult', result));
}
