import { randomUUID } from 'node:crypto';
import type { StoredObject } from './storage.ts';

export type ChangeReason = 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload' | 'DeleteObject';

/** An S3 event as EventBridge delivers it ("EventBridge event message structure", S3 user guide). */
export interface S3Event {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': 'Object Created' | 'Object Deleted';
  readonly source: 'aws.s3';
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: {
    readonly version: '0';
    readonly bucket: { readonly name: string };
    readonly object: {
      readonly key: string;
      readonly sequencer: string;
      readonly size?: number;
      readonly etag?: string;
    };
    readonly 'request-id': string;
    readonly requester: string;
    readonly 'source-ip-address': string;
    readonly reason: ChangeReason;
    readonly 'deletion-type'?: 'Permanently Deleted';
  };
}

export interface Change {
  readonly bucket: string;
  readonly key: string;
  readonly reason: ChangeReason;
  /** The object that was created; absent for a deletion. */
  readonly object?: StoredObject;
}

const ACCOUNT = '123456789012';
let changes = 0;

export function changeEvent(
  change: Change,
  context: { time: Date; region: string; requestId: string },
): S3Event {
  const { object } = change;
  changes += 1;
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': object === undefined ? 'Object Deleted' : 'Object Created',
    source: 'aws.s3',
    account: ACCOUNT,
    time: `${context.time.toISOString().slice(0, 19)}Z`,
    region: context.region,
    resources: [`arn:aws:s3:::${change.bucket}`],
    detail: {
      version: '0',
      bucket: { name: change.bucket },
      object: {
        key: change.key,
        ...(object && { size: object.bytes.length, etag: object.etag }),
        sequencer: changes.toString(16).toUpperCase().padStart(18, '0'),
      },
      'request-id': context.requestId,
      requester: ACCOUNT,
      'source-ip-address': '127.0.0.1',
      reason: change.reason,
      ...(object === undefined && { 'deletion-type': 'Permanently Deleted' as const }),
    },
  };
}
