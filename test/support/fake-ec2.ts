/**
 * A fake of EC2's Query protocol for describing snapshots and their locks, with what moto does not do: pages,
 * errors that name one id, states and archive tiers. Shapes as in the EC2 API reference, by hand.
 */
import { createServer } from 'node:http';
import { listening, type RunningFake } from './fake-server.ts';

export interface FakeEbsSnapshot {
  readonly id: string;
  readonly state?: string;
  readonly progress?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Further elements of an item, as XML. */
  readonly more?: string;
  /** The account that it belongs to; else the caller's own. */
  readonly owner?: string;
  /** The state of a lock. */
  readonly lock?: string;
  /** Of another account, which has not shared it: by id the answer leaves it out. */
  readonly hidden?: boolean;
}

/** Parameters of one request, as the SDK flattens them: `SnapshotId.1`, `Filter.1.Value.1`. */
export type Ec2Request = ReadonlyMap<string, string>;

export interface FakeEc2Options {
  readonly snapshots: readonly FakeEbsSnapshot[];
  readonly pageSize?: number;
  /** Gives another answer than the fake would: a code of EC2 with its status, or a broken line. */
  readonly fault?: (request: Ec2Request) => Ec2Fault | undefined;
}

export type Ec2Fault =
  | { readonly status: number; readonly code: string; readonly message?: string }
  | { readonly html: string }
  | 'reset';

export interface FakeEc2 extends RunningFake {
  readonly requests: readonly Ec2Request[];
}

const LOCKS = 'DescribeLockedSnapshots';
const SELF = '123456789012';

export async function fakeEc2(options: FakeEc2Options): Promise<FakeEc2> {
  const requests: Ec2Request[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const body = Buffer.concat(await Array.fromAsync(incoming)).toString('utf8');
      const request: Ec2Request = new Map(new URLSearchParams(body));
      requests.push(request);
      const fault = options.fault?.(request) ?? refusal(request, options);
      if (fault === 'reset') {
        incoming.socket.destroy();
      } else if (fault !== undefined && 'html' in fault) {
        response.writeHead(200, { 'content-type': 'text/html' }).end(fault.html);
      } else if (fault !== undefined) {
        response.writeHead(fault.status, { 'content-type': 'text/xml' }).end(errorXml(fault));
      } else {
        const isLocks = request.get('Action') === LOCKS;
        const xml = isLocks ? locksXml(options) : page(request, options);
        response.writeHead(200, { 'content-type': 'text/xml' }).end(xml);
      }
    })();
  });
  return { ...(await listening(server)), requests };
}

/** EC2 names the first one that it does not know, and answers for none of the others. */
function refusal(request: Ec2Request, { snapshots }: FakeEc2Options): Ec2Fault | undefined {
  if (!['DescribeSnapshots', LOCKS].includes(request.get('Action') ?? '')) {
    return { status: 400, code: 'InvalidAction', message: 'The action is not valid' };
  }
  const known = new Set(snapshots.map(({ id }) => id));
  const unknown = values(request, /^SnapshotId\.\d+$/).find((id) => !known.has(id));
  if (unknown === undefined) return undefined;
  const message = `The snapshot '${unknown}' does not exist.`;
  return { status: 400, code: 'InvalidSnapshot.NotFound', message };
}

function page(request: Ec2Request, { snapshots, pageSize = 1000 }: FakeEc2Options): string {
  const ids = values(request, /^SnapshotId\.\d+$/);
  const keys = values(request, /^Filter\.\d+\.Value\.\d+$/).map(wildcards);
  const chosen = snapshots
    .filter(({ hidden }) => hidden !== true)
    .filter(({ owner = SELF }) => request.get('Owner.1') !== 'self' || owner === SELF)
    .filter(({ id }) => ids.length === 0 || ids.includes(id))
    .filter(({ tags = {} }) => {
      return (
        keys.length === 0 || Object.keys(tags).some((tag) => keys.some((key) => key.test(tag)))
      );
    });
  const from = Number(request.get('NextToken') ?? 0);
  const size = Math.min(pageSize, Number(request.get('MaxResults') ?? pageSize));
  const token = from + size < chosen.length ? `<nextToken>${from + size}</nextToken>` : '';
  const items = chosen
    .slice(from, from + size)
    .map(item)
    .join('');
  return `<?xml version="1.0" encoding="UTF-8"?>
<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>fake</requestId><snapshotSet>${items}</snapshotSet>${token}</DescribeSnapshotsResponse>`;
}

function item({
  id,
  state = 'completed',
  progress = '100%',
  owner = SELF,
  tags = {},
  more = '',
}: FakeEbsSnapshot) {
  const tagItems = Object.entries(tags).map(
    ([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`,
  );
  return `<item><snapshotId>${id}</snapshotId><volumeId>vol-0123456789abcdef0</volumeId>
<status>${state}</status><startTime>2026-11-21T10:52:23.000Z</startTime><progress>${progress}</progress>
<ownerId>${owner}</ownerId><volumeSize>8</volumeSize><tagSet>${tagItems.join('')}</tagSet>${more}</item>`;
}

function locksXml({ snapshots }: FakeEc2Options): string {
  const items = snapshots
    .filter(({ lock }) => lock !== undefined)
    .map(
      ({ id, lock }) => `<item><ownerId>${SELF}</ownerId><snapshotId>${id}</snapshotId>
<lockState>${lock}</lockState><lockDuration>30</lockDuration><lockExpiresOn>2026-12-21T10:52:23.000Z</lockExpiresOn></item>`,
    );
  return `<?xml version="1.0" encoding="UTF-8"?>
<DescribeLockedSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>fake</requestId><snapshotSet>${items.join('')}</snapshotSet></DescribeLockedSnapshotsResponse>`;
}

/** Values of filters: `*` and `?` stand for anything unless a backslash is before them. */
function wildcards(value: string): RegExp {
  const source = value.replace(/\\([\\*?])|[*?]|[.+^${}()|[\]]/g, (found, literal?: string) => {
    if (literal !== undefined) return `\\${literal}`;
    return found === '*' ? '.*' : found === '?' ? '.' : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}

function values(request: Ec2Request, name: RegExp): string[] {
  return [...request].filter(([key]) => name.test(key)).map(([, value]) => value);
}

function errorXml({ code, message = code }: { code: string; message?: string }): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>fake</RequestID></Response>`;
}
