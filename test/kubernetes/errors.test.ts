import { expect, test } from 'vitest';
import { kubernetesApi } from '../../shared/kubernetes/client.ts';
import type { KubernetesErrorCode } from '../../shared/kubernetes/kubernetes-error.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  configMap,
  refused,
  unknownPath,
} from '../support/fake-api-server.ts';
import { BACKUPS, CONFIG_MAPS, kubernetesWorld, SHOP } from './world.ts';

const world = kubernetesWorld();
const NAME = { name: 'settings', namespace: 'shop' };
const failed = (work: Promise<unknown>) => work.catch((error: unknown) => error);

const page = (status: number): ApiAnswer => ({ status, body: '<html>somebody else</html>' });

const CASES: readonly (readonly [string, ApiAnswer, KubernetesErrorCode])[] = [
  ['401', refused(401, 'Unauthorized'), 'denied'],
  ['403', refused(403, 'Forbidden'), 'denied'],
  ['403 of a proxy', page(403), 'denied'],
  [
    '404 that names the object',
    refused(404, 'NotFound', { details: { name: 'settings' } }),
    'not_found',
  ],
  ['409', refused(409, 'Conflict'), 'conflict'],
  ['410', refused(410, 'Expired'), 'gone'],
  ['413', refused(413, 'RequestEntityTooLarge'), 'too_large'],
  ['422', refused(422, 'Invalid'), 'invalid'],
  ['429', refused(429, 'TooManyRequests'), 'throttled'],
  ['500', refused(500, 'InternalError'), 'unreachable'],
  ['503', refused(503, 'ServiceUnavailable'), 'unreachable'],
  [
    'a redirect',
    { status: 302, headers: { location: 'https://elsewhere.example' } },
    'unreachable',
  ],
  ['a page of another server', page(200), 'unreachable'],
  ['an object without a name', { body: { metadata: {} } }, 'unreachable'],
  ['JSON that is none', { body: '{"metadata":' }, 'unreachable'],
  ['an answer that breaks off', { body: configMap('settings'), ending: 'reset' }, 'unreachable'],
  ['a failure of 1 MiB', { status: 403, body: 'x'.repeat(1 << 20) }, 'denied'],
];

test.each(CASES)('%s', async (_, answer, code) => {
  world.server.answer(() => answer);
  const error = await failed(world.api().get(CONFIG_MAPS, NAME));
  expect(error).toMatchObject({ name: 'KubernetesError', code });
  expect(String(error)).toContain('get configmaps "settings" in namespace "shop" (context "fake")');
  expect(JSON.stringify(error) + String(error)).not.toContain('canary');
});

/** What a server that knows these APIs answers; everything else is an unknown path. */
const discovery =
  (answers: Readonly<Record<string, object | ApiAnswer>>) =>
  ({ path }: ApiRequest): ApiAnswer =>
    Object.hasOwn(answers, path) ? (answers[path] as ApiAnswer) : unknownPath;

const groups = (version: string, ...names: string[]): ApiAnswer => ({
  body: { kind: 'APIGroupList', groups: names.map((name) => ({ name, versions: [{ version }] })) },
});
const resources = (...names: string[]): ApiAnswer => ({
  body: { kind: 'APIResourceList', resources: names.map((name) => ({ name })) },
});

test.each([
  ['the group is unknown', discovery({ '/apis': groups('v1', 'apps') }), 'api_not_found'],
  ['the version is unknown', discovery({ '/apis': groups('v2', 'velero.io') }), 'api_not_found'],
  [
    'the version is known after all',
    discovery({ '/apis': groups('v1', 'velero.io') }),
    'unreachable',
  ],
  [
    'the resource is unknown',
    discovery({ '/apis/velero.io/v1': resources('restores') }),
    'api_not_found',
  ],
  [
    'the resource is served after all',
    discovery({ '/apis/velero.io/v1': resources('backups') }),
    'unreachable',
  ],
  ['no API server is there', discovery({}), 'unreachable'],
  ['another server is there', () => page(404), 'unreachable'],
  ['discovery is denied', discovery({ '/apis': refused(403, 'Forbidden') }), 'denied'],
  ['discovery is throttled', discovery({ '/apis': refused(429, 'TooManyRequests') }), 'throttled'],
  ['discovery is no discovery', discovery({ '/apis': page(200) }), 'unreachable'],
] as const)('an unknown path: %s', async (_, answer, code) => {
  world.server.answer(answer);
  const error = await failed(Array.fromAsync(world.api().list(BACKUPS, SHOP)));
  expect(error).toMatchObject({ code });
  expect(String(error)).toContain('list backups.velero.io in namespace "shop"');
});

test("says which identity may not do what, in the server's words, without its control characters", async () => {
  const message = 'configmaps is forbidden: User "me" cannot get\u001b[31m it';
  world.server.answer(() => refused(403, 'Forbidden', { message }));
  const error = await failed(world.api().get(CONFIG_MAPS, NAME));
  expect(String(error)).toContain('User "me" cannot get [31m it');
});

test('names the fields of a refused object, never their values', async () => {
  const causes = [{ field: 'data.password', message: 'Invalid value: "value-canary"' }];
  const details = { name: 'settings', causes };
  world.server.answer(() => refused(422, 'Invalid', { message: 'value-canary', details }));
  const error = await failed(world.api().get(CONFIG_MAPS, NAME));
  expect(String(error)).toContain('(422 Invalid: data.password)');
  expect(String(error)).not.toContain('canary');
});

test('repeats after the time that the server asks for, and gives up in the end', async () => {
  const answers = [{ ...refused(429, 'TooManyRequests'), headers: { 'retry-after': '7' } }];
  world.server.answer(() => answers.shift() ?? { body: configMap('settings') });
  const api = world.api();
  const begun = api.clock.now().getTime();
  expect((await api.get(CONFIG_MAPS, NAME)).metadata.name).toBe('settings');
  expect(api.clock.now().getTime() - begun).toBe(7000);
  world.server.answer(() => refused(503, 'ServiceUnavailable'));
  const tried = await world.requestsOf(() => failed(api.get(CONFIG_MAPS, NAME)));
  expect(tried).toHaveLength(5);
});

test('waits no longer than a minute, whatever is asked for', async () => {
  const sleeps: number[] = [];
  const clock = { now: () => new Date(0), sleep: async (ms: number) => void sleeps.push(ms) };
  const answers = ['86400', 'Fri, 31 Dec 1999 23:59:59 GMT', '-1'].map((after) => ({
    ...refused(429, 'TooManyRequests'),
    headers: { 'retry-after': after },
  }));
  world.server.answer(() => answers.shift() ?? { body: configMap('settings') });
  const api = kubernetesApi(world.connection(), { clock, random: () => 0 });
  await api.get(CONFIG_MAPS, NAME);
  expect(sleeps).toEqual([60_000, 250, 500]);
  api.close();
});

test('does not repeat what will not change', async () => {
  world.server.answer(() => refused(403, 'Forbidden'));
  const tried = await world.requestsOf(() => failed(world.api().get(CONFIG_MAPS, NAME)));
  expect(tried).toHaveLength(1);
});

test('never holds an answer over the limit', async () => {
  world.server.answer(() => ({ body: configMap('settings', '1', { text: 'x'.repeat(5000) }) }));
  const api = world.api({}, { objectSizeBytesMax: 4096 });
  await expect(api.get(CONFIG_MAPS, NAME)).rejects.toMatchObject({ code: 'too_large' });
});

test('takes silence for a broken connection', async () => {
  world.server.answer(() => ({ body: '{"metadata":', ending: 'silence' }));
  const api = world.api({}, { idleMs: 20, attemptsMax: 2 });
  const error = await failed(api.get(CONFIG_MAPS, NAME));
  expect(error).toMatchObject({ code: 'unreachable' });
  expect(String(error)).toContain('SilenceError');
});

test('an aborted call rejects with the reason of its signal', async () => {
  world.server.answer(() => ({ body: '{', ending: 'silence' }));
  const controller = new AbortController();
  const reason = new Error('the user is gone');
  const call = world.api().get(CONFIG_MAPS, NAME, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await expect(call).rejects.toBe(reason);
  const { signal } = controller;
  const later = await world.requestsOf(async () => {
    await expect(world.api().get(CONFIG_MAPS, NAME, { signal })).rejects.toBe(reason);
    await expect(world.api().remove(CONFIG_MAPS, NAME, { signal })).rejects.toBe(reason);
  });
  expect(later).toEqual([]);
});

test.each([
  ['as it is', '"__proto__":{"polluted":1}'],
  ['with an escape', '"\\u005f_proto__":{"polluted":1}'],
])('a field __proto__ pollutes nothing, written %s', async (_, field) => {
  world.server.answer(() => ({ body: `{"metadata":{"name":"settings"},${field}}` }));
  const object = await world.api().get(CONFIG_MAPS, NAME);
  expect(Object.keys(object)).toEqual(['metadata']);
  expect({ ...object }).not.toHaveProperty('polluted');
});

test('quotes no more of a stranger than a few lines', async () => {
  world.server.answer(() => refused(403, 'Forbidden', { message: 'x'.repeat(10_000) }));
  const error = await failed(world.api().get(CONFIG_MAPS, NAME));
  expect(String(error).length).toBeLessThan(600);
});

test.each(['', '.', '..', 'a/b', '%2e%2e'])('the name "%s" leads nowhere', async (name) => {
  const asked = await world.requestsOf(async () => {
    const get = async () => world.api().get(CONFIG_MAPS, { ...NAME, name });
    expect(await failed(get())).toMatchObject({ code: 'invalid' });
  });
  expect(asked).toEqual([]);
});
