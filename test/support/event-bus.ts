import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event as `PutEvents` brings it, its detail taken apart. */
export interface PublishedEvent {
  readonly bus: string;
  readonly source: string;
  readonly detailType: string;
  readonly detail: unknown;
}

export interface EventBusServer {
  /** For `AWS_ENDPOINT_URL_EVENTBRIDGE`. */
  readonly endpoint: string;
  readonly events: readonly PublishedEvent[];
  close(): Promise<void>;
}

interface Entry {
  readonly EventBusName?: string;
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/**
 * EventBridge on loopback, as far as publishing goes: takes `PutEvents`, refuses unsigned calls and
 * details that are no JSON objects. It has no rules and delivers to nobody.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export async function startEventBus(): Promise<EventBusServer> {
  const events: PublishedEvent[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const reply = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(value));
    };
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) {
      return reply(403, { __type: 'MissingAuthenticationToken' });
    }
    if (request.headers['x-amz-target'] !== 'AWSEvents.PutEvents') {
      return reply(400, { __type: 'UnknownOperationException' });
    }
    const entries = (JSON.parse(body) as { Entries: Entry[] }).Entries;
    const outcomes = entries.map((entry) => accept(entry, events));
    const failed = outcomes.filter((outcome) => 'ErrorCode' in outcome).length;
    reply(200, { FailedEntryCount: failed, Entries: outcomes });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A refusal of one event comes with status 200, among the others. */
function accept(entry: Entry, events: PublishedEvent[]): Record<string, string> {
  const detail = parseDetail(entry.Detail);
  if (detail === undefined) {
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  }
  const { EventBusName: bus = 'default', Source: source, DetailType: detailType } = entry;
  events.push({ bus, source, detailType, detail });
  return { EventId: randomUUID() };
}

function parseDetail(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
