import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DIST } from '../../infra/build/bundle.ts';
import { type FunctionWorld, routeConfig, startFunctionWorld } from '../support/function-world.ts';
import { type Lambda, startLambda } from '../support/lambda-runtime.ts';

/** The built bundle in a process of its own, as `npm run build` left it and Lambda would start it. */
const taskRoot = join(DIST, 'aws/replicate');
const TICK = { source: 'aws.scheduler', detail: {} };

let world: FunctionWorld;
let lambda: Lambda | undefined;

beforeAll(async () => {
  world = await startFunctionWorld();
});
afterEach(() => lambda?.close());
afterAll(() => world.close());

async function start(env: Record<string, string>): Promise<Lambda> {
  const handler = 'index.handler';
  const all = { ...world.env, ...env };
  lambda = await startLambda({ taskRoot, handler, timeoutMs: 45_000, env: all });
  return lambda;
}

describe('the Lambda function replicate', () => {
  test('copies a Velero root from S3 to Blob, publishes what it did, and does nothing twice', async () => {
    const { urls, bus } = world;
    const path = await world.config(...routeConfig(urls.origin, urls.container, urls.state));
    const { invoke, logs } = await start({ DRYDOCK_CONFIG: path });

    const first = await invoke(TICK);
    expect(first, logs()).toMatchObject({ kind: 'result', value: [{ unfinished: false }] });
    const names: string[] = [];
    for await (const { name } of world.azurite.container('copy').listBlobsFlat()) names.push(name);
    expect(names).toEqual(expect.arrayContaining(world.repositories('replica/')));
    expect(names.filter((name) => name.endsWith('/velero-backup.json')).length).toBeGreaterThan(0);
    expect(bus.events).toEqual([
      {
        bus: 'drydock',
        source: 'drydock',
        detailType: 'Drydock Report',
        detail: expect.objectContaining({
          schema: 'drydock/report-summary/v1',
          measures: expect.objectContaining({ objectsCopied: names.length }),
        }),
      },
    ]);
    expect(first).toMatchObject({ value: [bus.events[0]?.detail] });

    const second = await invoke(TICK);
    expect(second, logs()).toMatchObject({ kind: 'result', value: [{ unfinished: false }] });
    expect(bus.events[1]?.detail).toMatchObject({ measures: { objectsCopied: 0 } });
    expect(bus.events).toHaveLength(2);
  });

  test('logs JSON lines without a secret in them', async () => {
    const { urls } = world;
    const path = await world.config(...routeConfig(urls.small, urls.bucket, urls.state));
    const { invoke, logs } = await start({ DRYDOCK_CONFIG: path });
    await invoke(TICK);
    const lines = logs().trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('message');
    for (const name of ['AWS_SECRET_ACCESS_KEY', 'AZURE_STORAGE_KEY']) {
      expect(logs()).not.toContain(world.env[name]);
    }
  });

  test('fails, and says how to go on, when there is no configuration', async () => {
    const { invoke, logs } = await start({});
    expect(await invoke(TICK)).toMatchObject({
      kind: 'error',
      error: {
        errorType: 'DrydockError',
        errorMessage: 'Cannot find the configuration: DRYDOCK_CONFIG is not set',
        trace: expect.arrayContaining([expect.stringContaining('index.mjs')]),
      },
    });
    expect(logs()).toContain('s3://bucket/drydock/drydock.yaml');
  });

  test('fails when a route fails, after publishing nothing', async () => {
    const { urls, bus } = world;
    const before = bus.events.length;
    const absent = urls.origin.replace('//origin/', '//no-such-bucket/');
    const path = await world.config(...routeConfig(absent, urls.bucket, urls.state));
    const { invoke, logs } = await start({ DRYDOCK_CONFIG: path });
    expect(await invoke(TICK)).toMatchObject({
      kind: 'error',
      error: { errorMessage: expect.stringContaining('no-such-bucket') },
    });
    expect(logs()).toContain('"message":"route failed"');
    expect(bus.events).toHaveLength(before);
  });

  test('is ended by the time limit, and the next tick starts a new process', async () => {
    const { urls, s3 } = world;
    // A source that never answers its first listing: nothing comes to look at the time that is left.
    s3.setFault(({ method, key }) =>
      method === 'GET' && key === '' ? { silence: true } : undefined,
    );
    const path = await world.config(...routeConfig(urls.small, urls.bucket, urls.state));
    const { invoke, logs } = await start({ DRYDOCK_CONFIG: path });
    expect(await invoke(TICK, 2_000)).toEqual({ kind: 'timeout' });
    s3.setFault(undefined);
    expect(await invoke(TICK), logs()).toMatchObject({ kind: 'result' });
  });
});

describe('the loopback Lambda', () => {
  test('tells when the handler is not there', async () => {
    lambda = await startLambda({ taskRoot, handler: 'index.main', timeoutMs: 10_000, env: {} });
    expect(await lambda.invoke(TICK)).toMatchObject({
      kind: 'init error',
      error: { errorType: 'Runtime.HandlerNotFound' },
    });
  });
});
