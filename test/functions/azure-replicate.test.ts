import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DIST } from '../../infra/build/bundle.ts';
import { blobStore } from '../../shared/stores/blob.ts';
import { type FunctionApp, startFunctionApp } from '../support/azure-functions-host.ts';
import { type FunctionWorld, routeConfig, startFunctionWorld } from '../support/function-world.ts';
import { placeFixture } from '../support/place.ts';

/** The built app in a process of its own, under the real library of Azure Functions. */
const main = join(DIST, 'azure/main.mjs');

let world: FunctionWorld;
let app: FunctionApp | undefined;

beforeAll(async () => {
  world = await startFunctionWorld();
});
afterEach(() => app?.close());
afterAll(() => world.close());

async function start(env: Record<string, string>): Promise<FunctionApp> {
  app = await startFunctionApp(main, { ...world.env, ...env });
  return app;
}

describe('the Azure function replicate', () => {
  test('registers a timer, whose schedule a setting can change', async () => {
    const bindings = ({ functions }: FunctionApp) =>
      functions.find(({ name }) => name === 'replicate')?.bindings;
    const standard = [{ type: 'timerTrigger', schedule: '0 17 * * * *' }];
    expect(bindings(await start({}))).toMatchObject(standard);
    await app?.close();
    const other = await start({ DRYDOCK_REPLICATE_SCHEDULE: '0 0 */4 * * *' });
    expect(bindings(other)?.[0]?.schedule).toBe('0 0 */4 * * *');
  });

  test('copies a Velero root from Blob to S3 and publishes what it did', async () => {
    const { azurite, s3, urls, fixture, bus } = world;
    const source = blobStore({ container: azurite.container('copy'), account: azurite.account });
    await placeFixture(source, fixture);
    const container = urls.container.replace('/copy/replica', '/copy/prod');
    const path = await world.config(...routeConfig(container, urls.bucket, urls.state));
    const { fireTimer, log, output } = await start({ DRYDOCK_CONFIG: path });

    expect(await fireTimer('replicate'), output()).toMatchObject({ kind: 'done' });
    const copied = s3.objects('copy').map(({ key }) => key);
    expect(copied).toEqual(expect.arrayContaining(world.repositories('replica/')));
    expect(bus.events).toMatchObject([{ detail: { measures: { objectsCopied: copied.length } } }]);
    const own = log.filter(({ category }) => category === 'user').map(({ message }) => message);
    expect(own.map((line) => JSON.parse(line))).toEqual([bus.events[0]?.detail]);

    expect(await fireTimer('replicate'), output()).toMatchObject({ kind: 'done' });
    expect(bus.events[1]?.detail).toMatchObject({ measures: { objectsCopied: 0 } });
  });

  test('says that it is late', async () => {
    const { fireTimer, log } = await start({});
    await fireTimer('replicate', true);
    expect(log).toContainEqual({
      kind: 'log',
      level: 'warning',
      category: 'user',
      message: 'replicate runs late: at least one tick was missed',
    });
  });

  test('fails, and says how to go on, when there is no configuration', async () => {
    const { fireTimer } = await start({});
    expect(await fireTimer('replicate')).toMatchObject({
      kind: 'failed',
      message: 'Cannot find the configuration: DRYDOCK_CONFIG is not set',
      stack: expect.stringContaining('chunks/'),
    });
  });
});

describe('the loopback Functions host', () => {
  test('rejects an app that does not load', async () => {
    await expect(startFunctionApp(join(DIST, 'azure/absent.mjs'), {})).rejects.toThrow(
      'the app ended with exit code 1',
    );
  });
});
