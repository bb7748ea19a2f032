import type { Config, NamedLocation } from '../shared/config/config.ts';
import { DrydockError } from '../shared/model/errors.ts';
import type { Report } from '../shared/model/report.ts';
import type { WorkMessage } from '../shared/queues/work-queue.ts';
import { BACKUP_METADATA, parseBackupKey } from '../shared/velero/layout.ts';

/** Longer than the largest repository takes: a shard that goes on for more gets nowhere. */
export const CONTINUATIONS_MAX = 200;
/** Of a Kubernetes object: under a longer name there is no backup, whoever wrote it there. */
const NAME_LENGTH_MAX = 253;
/** What Velero still writes beside the metadata, and events that come twice, are waited for. */
export const EVENT_DELAY_MS = 60_000;

/** One run over all locations, cut into what can be looked at by itself. */
export function shardsOf(config: Config, runId: string): readonly WorkMessage[] {
  return [...config.locations.keys()].map((location) => shard(runId, location));
}

/**
 * What is left of a shard after a run of it; `undefined` when nothing is.
 * @throws DrydockError `SHARD_ENDLESS`
 */
export function nextShard(report: Report, message: WorkMessage): WorkMessage | undefined {
  if (report.unfinished === undefined) return undefined;
  if (message.continuation < CONTINUATIONS_MAX) {
    return { ...message, continuation: message.continuation + 1 };
  }
  const text = `Cannot end the verification of "${message.location}": it was continued ${CONTINUATIONS_MAX} times`;
  throw new DrydockError('operation', 'SHARD_ENDLESS', text, {
    hint: 'Give the function worker more time and memory, or raise "verify: contentDays" of the configuration',
  });
}

/** What a line of a log says of a shard. */
export function shardFields(message: WorkMessage): Record<string, string | number> {
  const { runId, location, backup, continuation } = message;
  return { runId, location, continuation, ...(backup !== undefined && { backup }) };
}

/** A key of a store that was just written. */
interface Written {
  /** Unique per event, and the same when it comes again. */
  readonly eventId: string;
  readonly holds: (place: NamedLocation) => string | undefined;
}

export type EventOutcome =
  | { readonly kind: 'shards'; readonly shards: readonly WorkMessage[] }
  /** Nothing for us to do; events of a bucket tell of every object in it. */
  | { readonly kind: 'foreign'; readonly reason: string };

/**
 * What an event of a store asks for: `Object Created` of EventBridge, or `BlobCreated` of Event Grid
 * in either of its schemas. The metadata of a backup is written when the backup has ended: then it
 * is looked at afresh.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
 */
export function shardsOfEvent(event: unknown, config: Config): EventOutcome {
  const written = objectCreated(event) ?? blobCreated(event);
  if (written === undefined) return { kind: 'foreign', reason: 'no object was created' };
  const shards: WorkMessage[] = [];
  for (const place of config.locations.values()) {
    const key = place.layout === 'velero' ? written.holds(place) : undefined;
    const at = key === undefined ? undefined : parseBackupKey(key);
    if (at?.file !== BACKUP_METADATA || at.backup.length > NAME_LENGTH_MAX) continue;
    shards.push({ ...shard(written.eventId, place.name), backup: at.backup });
  }
  if (shards.length > 0) return { kind: 'shards', shards };
  return { kind: 'foreign', reason: 'it is no metadata of a backup at a configured location' };
}

function shard(runId: string, location: string): WorkMessage {
  return { schema: 'drydock/shard/v1', job: 'verify', runId, location, continuation: 0 };
}

function objectCreated(event: unknown): Written | undefined {
  const { id, source, detail, 'detail-type': type } = fields(event);
  if (source !== 'aws.s3' || type !== 'Object Created') return undefined;
  const { name: bucket } = fields(fields(detail)['bucket']);
  const { key } = fields(fields(detail)['object']);
  if (typeof id !== 'string' || typeof bucket !== 'string' || typeof key !== 'string') {
    return undefined;
  }
  return {
    eventId: id,
    // Whatever its endpoint: the bucket of an event is one of AWS, and a look too many does no harm.
    holds: ({ location }) =>
      location.kind === 's3' && location.bucket === bucket
        ? below(location.prefix, key)
        : undefined,
  };
}

const BLOB_SUBJECT = /^\/blobServices\/default\/containers\/([^/]+)\/blobs\/(.+)$/s;

function blobCreated(event: unknown): Written | undefined {
  const { id, eventType, type = eventType, subject, data } = fields(event);
  const { url } = fields(data);
  if (type !== 'Microsoft.Storage.BlobCreated' || typeof id !== 'string') return undefined;
  if (typeof subject !== 'string' || typeof url !== 'string') return undefined;
  const [, container, blob] = BLOB_SUBJECT.exec(subject) ?? [];
  if (container === undefined || blob === undefined || !URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  // `<account>.blob.core.windows.net`, or of another cloud; of an emulator it is in the path.
  const [ofHost, ofPath] = [hostname.split('.')[0], pathname.split('/')[1]];
  return {
    eventId: id,
    holds: ({ location }) =>
      location.kind === 'azblob' &&
      location.container === container &&
      (location.account === ofHost ||
        (location.endpoint !== undefined && location.account === ofPath))
        ? below(location.prefix, blob)
        : undefined,
  };
}

function below(prefix: string, key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
