import { DrydockError } from '../model/errors.ts';
import type { WorkMessage } from './work-queue.ts';

const SCHEMA = 'drydock/shard/v1';
/** Longer than any name of a location, a run or a Kubernetes object. */
const NAME_LENGTH_MAX = 253;
/** What both clouds' queues carry at most is less. */
const TEXT_LENGTH_MAX = 1024 * 1024;

/**
 * What a queue delivers as a message: its text, or what a platform made of it. Storage queues and
 * Event Grid may wrap the JSON in base64.
 * @throws DrydockError `MESSAGE_INVALID`: it will never be understood and belongs into the queue for
 *   failed messages; `MESSAGE_NEWER`: a newer Drydock sent it.
 */
export function parseMessage(entry: unknown): WorkMessage {
  const value = entryValue(entry);
  if (typeof value !== 'object' || value === null) throw invalid('it is no JSON object');
  const { schema, job, runId, location, backup, continuation } = value as Partial<
    Record<keyof WorkMessage, unknown>
  >;
  if (schema !== SCHEMA) throw otherSchema(schema);
  if (job !== 'verify') throw invalid('its "job" is not "verify"');
  if (!isName(runId)) throw invalid('its "runId" is no name');
  if (!isName(location)) throw invalid('its "location" is no name');
  if (backup !== undefined && !isName(backup)) throw invalid('its "backup" is no name');
  if (!Number.isSafeInteger(continuation) || Number(continuation) < 0) {
    throw invalid('its "continuation" is no number from 0');
  }
  return {
    schema,
    job,
    runId,
    location,
    ...(backup !== undefined && { backup }),
    continuation: Number(continuation),
  };
}

/**
 * The JSON value of a queue's entry: of text, of base64 of text, or the value that a platform has
 * parsed already.
 * @throws DrydockError `MESSAGE_INVALID`
 */
export function entryValue(entry: unknown): unknown {
  if (typeof entry !== 'string') return entry;
  if (entry.length > TEXT_LENGTH_MAX) throw invalid(`it has ${entry.length} characters`);
  const text = entry.trim();
  const isJson = text.startsWith('{') || text.startsWith('[');
  try {
    return JSON.parse(isJson ? text : Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    throw invalid('it is neither JSON nor base64 of JSON');
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX;
}

function otherSchema(schema: unknown): DrydockError {
  const version = typeof schema === 'string' && /^drydock\/shard\/v(\d{1,6})$/.exec(schema)?.[1];
  if (!version) return invalid(`its "schema" is not "${SCHEMA}"`);
  const message = `Cannot read a message of the queue: it is "drydock/shard/v${version}"`;
  return new DrydockError('operation', 'MESSAGE_NEWER', message, {
    hint: `This Drydock knows ${SCHEMA}: deploy all functions from one version`,
  });
}

function invalid(reason: string): DrydockError {
  const message = `Cannot read a message of the queue: ${reason}`;
  return new DrydockError('operation', 'MESSAGE_INVALID', message, {
    hint: 'Nobody but Drydock should send to its queue; look at the queue for failed messages',
  });
}
