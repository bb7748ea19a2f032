import { createServer, type IncomingMessage, request as send } from 'node:http';
import { listening, type RunningFake } from '../support/fake-server.ts';

/**
 * What EC2 does and moto does not: `DescribeSnapshots` in pages, errors under load, and snapshots
 * that are `pending` at first. The facts themselves are moto's.
 */
export interface Ec2ProxyOptions {
  /** `http://127.0.0.1:<port>` */
  readonly target: string;
  /** Snapshots per page where nothing else is asked for; absent: all in one. */
  readonly pageSize?: number;
  /** Ids that look unfinished. */
  readonly pending?: ReadonlySet<string>;
  /** An answer of its own to the n-th request, counted from 0. */
  readonly answer?: (at: number) => Ec2ProxyAnswer | undefined;
}

export type Ec2ProxyAnswer =
  | { readonly status: number; readonly code: string }
  | { readonly html: string }
  | 'reset';

export interface Ec2Proxy extends RunningFake {
  /** Actions of all requests so far. */
  readonly actions: readonly string[];
}

export async function startEc2Proxy(options: Ec2ProxyOptions): Promise<Ec2Proxy> {
  const actions: string[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const body = await textOf(incoming);
      const form = new URLSearchParams(body);
      const at = actions.push(form.get('Action') ?? '') - 1;
      const answer = options.answer?.(at);
      if (answer === 'reset') {
        incoming.socket.destroy();
      } else if (answer !== undefined) {
        const status = 'html' in answer ? 200 : answer.status;
        const text = 'html' in answer ? answer.html : errorXml(answer.code);
        response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
      } else {
        const passed = await pass(options.target, incoming, body);
        const isList = form.get('Action') === 'DescribeSnapshots' && passed.status === 200;
        const text = isList ? paged(delayed(passed.text, options), form, options) : passed.text;
        response.writeHead(passed.status, { 'content-type': 'text/xml' }).end(text);
      }
    })().catch(() => response.destroy());
  });
  return { ...(await listening(server)), actions };
}

/** The `Host` header goes on as it came; moto looks at no signature. */
async function pass(target: string, incoming: IncomingMessage, body: string) {
  const { hostname, port } = new URL(target);
  const { method, url: path, headers } = incoming;
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const onward = send({ hostname, port, method, path, headers }, (answer) => {
      textOf(answer).then((text) => resolve({ status: answer.statusCode ?? 502, text }), reject);
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

async function textOf(message: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(message)).toString('utf8');
}

const SNAPSHOT_SET = /<snapshotSet>([\s\S]*)<\/snapshotSet>/;

function delayed(xml: string, { pending }: Ec2ProxyOptions): string {
  if (pending === undefined) return xml;
  return withItems(xml, (item) => {
    const id = /<snapshotId>([^<]*)</.exec(item)?.[1] ?? '';
    if (!pending.has(id)) return item;
    return item
      .replace(/<status>[^<]*</, '<status>pending<')
      .replace(/<progress>[^<]*</, '<progress>42%<');
  });
}

function withItems(xml: string, change: (item: string) => string): string {
  const items = itemsIn(SNAPSHOT_SET.exec(xml)?.[1] ?? '').map(change);
  return xml.replace(SNAPSHOT_SET, () => `<snapshotSet>${items.join('')}</snapshotSet>`);
}

function paged(xml: string, form: URLSearchParams, { pageSize }: Ec2ProxyOptions): string {
  if (pageSize === undefined) return xml;
  const from = Number(form.get('NextToken') ?? 0);
  const items = itemsIn(SNAPSHOT_SET.exec(xml)?.[1] ?? '');
  const set = `<snapshotSet>${items.slice(from, from + pageSize).join('')}</snapshotSet>`;
  const isLast = from + pageSize >= items.length;
  const token = isLast ? '' : `<nextToken>${from + pageSize}</nextToken>`;
  return xml.replace(SNAPSHOT_SET, () => `${set}${token}`);
}

/** The outer `<item>`s: those of tags lie within them. */
function itemsIn(set: string): string[] {
  const items: string[] = [];
  let [depth, from] = [0, 0];
  for (const { 0: mark, index } of set.matchAll(/<\/?item>/g)) {
    if (mark === '<item>' && depth++ === 0) from = index;
    if (mark === '</item>' && --depth === 0) items.push(set.slice(from, index + mark.length));
  }
  return items;
}

function errorXml(code: string): string {
  return `<Response><Errors><Error><Code>${code}</Code><Message>${code}</Message></Error></Errors><RequestID>proxy</RequestID></Response>`;
}
