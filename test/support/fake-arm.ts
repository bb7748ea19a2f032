/**
 * A fake of Azure Resource Manager, which has no emulator, for snapshots of managed disks (get, list
 * by group and by subscription) and for storage accounts (`fake-arm-storage.ts`). Shapes as in "Snapshots - Get", "Snapshots - List" and
 * the error pages of the Azure REST reference, version 2024-03-02, by hand.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { type FakeStorageAccount, storageAnswer } from './fake-arm-storage.ts';
import { listening, type RunningFake } from './fake-server.ts';

export interface FakeDiskSnapshot {
  readonly resourceGroup: string;
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Laid over the documented properties. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface FakeArmOptions {
  readonly subscription: string;
  readonly snapshots?: readonly FakeDiskSnapshot[];
  readonly accounts?: readonly FakeStorageAccount[];
  /** Groups that exist, besides those with snapshots. */
  readonly emptyGroups?: readonly string[];
  readonly pageSize?: number;
  /** The only token that is let in. */
  readonly token: string;
  /** Gives another answer than the fake would. */
  readonly fault?: (request: ArmRequest) => ArmFault | undefined;
}

export interface ArmRequest {
  readonly method: string;
  readonly url: URL;
}

export type ArmFault =
  | {
      readonly status: number;
      /** Of the error; without one the body is an empty page. */
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | 'reset';

export interface FakeArm extends RunningFake {
  readonly requests: readonly ArmRequest[];
}

const API_VERSION = '2024-03-02';
const PATH =
  /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?\/providers\/Microsoft\.Compute\/snapshots(?:\/([^/]+))?$/i;

export async function fakeArm(options: FakeArmOptions): Promise<FakeArm> {
  const requests: ArmRequest[] = [];
  const server = createServer((incoming, response) => {
    const host = `http://${incoming.headers.host}`;
    const request = { method: incoming.method ?? '', url: new URL(incoming.url ?? '/', host) };
    requests.push(request);
    const answer = options.fault?.(request) ?? answerTo(request, incoming, options);
    if (answer === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const { status, code, headers = {}, body } = answer;
    const error = code === undefined ? '' : JSON.stringify({ error: { code, message: code } });
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(body ?? error);
  });
  return { ...(await listening(server)), requests };
}

function answerTo(
  { method, url }: ArmRequest,
  incoming: IncomingMessage,
  options: FakeArmOptions,
): Exclude<ArmFault, 'reset'> {
  if (incoming.headers.authorization !== `Bearer ${options.token}`) {
    return { status: 401, code: 'InvalidAuthenticationToken' };
  }
  if (method !== 'GET') return { status: 405, code: 'MethodNotAllowed' };
  const ofStorage = storageAnswer(url, options.accounts ?? []);
  if (ofStorage !== undefined) return ofStorage;
  if (url.searchParams.get('api-version') !== API_VERSION) {
    return { status: 400, code: 'InvalidApiVersionParameter' };
  }
  const [path, subscription = '', group, name] = PATH.exec(decodeURIComponent(url.pathname)) ?? [];
  if (path === undefined) return { status: 404, code: 'InvalidResourceType' };
  if (!same(subscription, options.subscription)) {
    return { status: 404, code: 'SubscriptionNotFound' };
  }
  const { snapshots = [] } = options;
  const groups = [...snapshots.map((one) => one.resourceGroup), ...(options.emptyGroups ?? [])];
  if (group !== undefined && !groups.some((one) => same(one, group))) {
    return { status: 404, code: 'ResourceGroupNotFound' };
  }
  const chosen = snapshots.filter((one) => group === undefined || same(one.resourceGroup, group));
  if (name === undefined) return page(url, chosen, options);
  const found = chosen.find((one) => same(one.name, name));
  if (found === undefined) return { status: 404, code: 'ResourceNotFound' };
  return { status: 200, body: JSON.stringify(resource(found, options)) };
}

function page(
  url: URL,
  chosen: readonly FakeDiskSnapshot[],
  options: FakeArmOptions,
): Exclude<ArmFault, 'reset'> {
  const { pageSize = 100 } = options;
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const value = chosen.slice(from, from + pageSize).map((one) => resource(one, options));
  const next = new URL(url);
  next.searchParams.set('$skiptoken', `${from + pageSize}`);
  const more = from + pageSize < chosen.length && { nextLink: next.href };
  return { status: 200, body: JSON.stringify({ value, ...more }) };
}

/** Groups are written in capitals in lists: ARM keeps no letter case there. */
function resource(
  { resourceGroup, name, tags, properties }: FakeDiskSnapshot,
  { subscription }: FakeArmOptions,
): object {
  const below = `/subscriptions/${subscription}/resourceGroups/${resourceGroup.toUpperCase()}/providers/Microsoft.Compute`;
  return {
    name,
    id: `${below}/snapshots/${name}`,
    type: 'Microsoft.Compute/snapshots',
    location: 'westeurope',
    ...(tags && { tags }),
    sku: { name: 'Standard_ZRS', tier: 'Standard' },
    properties: {
      creationData: { createOption: 'Copy', sourceResourceId: `${below}/disks/pvc-1` },
      diskSizeGB: 8,
      diskSizeBytes: 8 * 1024 ** 3,
      encryption: { type: 'EncryptionAtRestWithPlatformKey' },
      incremental: true,
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
      timeCreated: '2026-11-21T10:52:23.1234567+00:00',
      provisioningState: 'Succeeded',
      diskState: 'Unattached',
      uniqueId: '6f28bd1b-2d4c-4a0a-9f3e-3e7b1c6d0001',
      ...properties,
    },
  };
}

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
