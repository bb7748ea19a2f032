import { expect, test } from 'vitest';
import { configMap, refused } from '../support/fake-api-server.ts';
import { CONFIG_MAPS, kubernetesWorld } from './world.ts';

const world = kubernetesWorld();
const NAME = { name: 'settings', namespace: 'shop' };
const WANTED = { apiVersion: 'v1', kind: 'ConfigMap', metadata: NAME, data: { colour: 'blå' } };
const PATH = '/api/v1/namespaces/shop/configmaps/settings';
const failed = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test('apply sends the object as its owner, by force only when asked to', async () => {
  world.server.answer(() => ({ body: configMap('settings', '5') }));
  const api = world.api();
  const asked = await world.requestsOf(async () => {
    const applied = await api.apply(CONFIG_MAPS, WANTED);
    expect(applied.metadata.resourceVersion).toBe('5');
    await api.apply(CONFIG_MAPS, WANTED, { force: true });
  });
  expect(asked).toMatchObject([
    { method: 'PATCH', path: PATH },
    { method: 'PATCH', path: PATH },
  ]);
  expect(asked.map(({ parameters }) => parameters)).toEqual([
    { fieldManager: 'drydock' },
    { fieldManager: 'drydock', force: 'true' },
  ]);
  expect(asked[0]?.headers['content-type']).toBe('application/apply-patch+yaml');
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual(WANTED);
});

test('apply names the fields that somebody else owns', async () => {
  const causes = [{ reason: 'FieldManagerConflict', field: '.data.colour' }];
  world.server.answer(() => refused(409, 'Conflict', { details: { causes } }));
  const error = await failed(world.api().apply(CONFIG_MAPS, WANTED));
  expect(error).toMatchObject({ code: 'conflict', failure: 'refused' });
  expect(String(error)).toContain('.data.colour');
});

test('apply may be repeated, since twice is once', async () => {
  const answers = [refused(503, 'ServiceUnavailable')];
  world.server.answer(() => answers.shift() ?? { body: configMap('settings') });
  const asked = await world.requestsOf(() => world.api().apply(CONFIG_MAPS, WANTED));
  expect(asked).toHaveLength(2);
});

test('remove deletes this very object where its uid is given', async () => {
  world.server.answer(() => ({ body: { kind: 'Status', status: 'Success' } }));
  const api = world.api();
  const asked = await world.requestsOf(async () => {
    await api.remove(CONFIG_MAPS, NAME);
    await api.remove(CONFIG_MAPS, NAME, { uid: 'uid-settings' });
  });
  const bodies = asked.map(({ body }) => JSON.parse(body));
  const background = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' };
  expect(bodies).toEqual([background, { ...background, preconditions: { uid: 'uid-settings' } }]);
  expect(asked[0]).toMatchObject({ method: 'DELETE', path: PATH });
});

test('remove is not repeated when it may have happened, and is when it has not', async () => {
  const api = world.api();
  world.server.answer(() => ({ ending: 'reset' }));
  const broken = await world.requestsOf(async () => {
    expect(await failed(api.remove(CONFIG_MAPS, NAME))).toMatchObject({ code: 'unreachable' });
  });
  expect(broken).toHaveLength(1);
  const answers = [refused(429, 'TooManyRequests')];
  world.server.answer(() => answers.shift() ?? { body: configMap('settings') });
  expect(await world.requestsOf(() => api.remove(CONFIG_MAPS, NAME))).toHaveLength(2);
});

test('remove of what is gone says so', async () => {
  world.server.answer(() => refused(404, 'NotFound', { details: { name: 'settings' } }));
  await expect(world.api().remove(CONFIG_MAPS, NAME)).rejects.toMatchObject({ code: 'not_found' });
});

test('apply into a namespace that is not there says which one', async () => {
  const message = 'namespaces "shop" not found';
  const details = { name: 'shop', kind: 'namespaces' };
  world.server.answer(() => refused(404, 'NotFound', { message, details }));
  const error = await failed(world.api().apply(CONFIG_MAPS, WANTED));
  expect(error).toMatchObject({ code: 'not_found' });
  expect(String(error)).toContain(message);
});
