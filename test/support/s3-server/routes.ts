import {
  createBucket,
  deleteBucket,
  deleteObjects,
  getBucket,
  headBucket,
  listBuckets,
} from './buckets.ts';
import type { Handler } from './call.ts';
import { s3Error } from './errors.ts';
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  uploadPart,
  uploadPartCopy,
} from './multipart.ts';
import { copyObject, deleteObject, getObject, putObject } from './objects.ts';
import type { S3Request } from './request.ts';
import { getSetting, putSetting, settingOf } from './settings.ts';

const KEY_SIZE_BYTES_MAX = 1024;

/** Sub-resources of buckets and objects that this server has nothing behind. */
const UNKNOWN = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'legal-hold',
  'lifecycle',
  'logging',
  'notification',
  'object-lock',
  'partNumber',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'versionId',
  'versions',
  'website',
];

export function route(request: S3Request): Handler {
  const handler = find(request);
  if (handler === undefined) throw s3Error('MethodNotAllowed', { Method: request.method });
  return handler;
}

function find(request: S3Request): Handler | undefined {
  const has = (name: string): boolean => request.param(name) !== undefined;
  const setting = settingOf(request);
  if (setting !== undefined && request.method === 'GET') return (call) => getSetting(call, setting);
  if (setting !== undefined && request.method === 'PUT') return (call) => putSetting(call, setting);
  const isPart = request.method === 'PUT' && has('uploadId');
  const unknown = UNKNOWN.find((name) => has(name) && !(name === 'partNumber' && isPart));
  if (unknown !== undefined) {
    throw s3Error('NotImplemented', {}, `The sub-resource "${unknown}" is not implemented`);
  }
  if (request.bucket === '') return request.method === 'GET' ? listBuckets : undefined;
  if (request.key === '') return bucketHandler(request, has);
  if (Buffer.byteLength(request.key) > KEY_SIZE_BYTES_MAX) throw s3Error('KeyTooLongError');
  return objectHandler(request, has);
}

function bucketHandler(request: S3Request, has: (name: string) => boolean): Handler | undefined {
  switch (request.method) {
    case 'GET':
      return getBucket;
    case 'HEAD':
      return headBucket;
    case 'PUT':
      return createBucket;
    case 'DELETE':
      return deleteBucket;
    case 'POST':
      return has('delete') ? deleteObjects : undefined;
    default:
      return undefined;
  }
}

function objectHandler(request: S3Request, has: (name: string) => boolean): Handler | undefined {
  const copies = request.header('x-amz-copy-source') !== undefined;
  switch (request.method) {
    case 'GET':
      return has('uploadId') ? listParts : getObject;
    case 'HEAD':
      return getObject;
    case 'PUT':
      if (!has('uploadId')) return copies ? copyObject : putObject;
      return copies ? uploadPartCopy : uploadPart;
    case 'POST':
      if (has('uploads')) return createUpload;
      return has('uploadId') ? completeUpload : undefined;
    case 'DELETE':
      return has('uploadId') ? abortUpload : deleteObject;
    default:
      return undefined;
  }
}
