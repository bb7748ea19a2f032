import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubernetesObject, ListEnd } from '../../shared/kubernetes/api.ts';
import { cutList } from '../../shared/kubernetes/json-scan.ts';
import { type ApiAnswer, configMap, configMapList, refused } from '../support/fake-api-server.ts';
import { CONFIG_MAPS, kubernetesWorld, SHOP } from './world.ts';

const world = kubernetesWorld();
const NAMES = Array.from({ length: 10 }, (_, at) => `map-${at}`);

/** Pages of four, as the server makes them: the token says where the next one begins. */
function pageFrom(token: string | undefined, names: readonly string[] = NAMES): ApiAnswer {
  const from = Number(token ?? 0);
  const items = names.slice(from, from + 4).map((name) => configMap(name));
  const more = from + 4 < names.length;
  return configMapList(items, more ? { continue: String(from + 4) } : {});
}

async function read(list: AsyncGenerator<KubernetesObject, ListEnd, void>) {
  const names: string[] = [];
  for (let step = await list.next(); ; step = await list.next()) {
    if (step.done) return { names, ...step.value };
    names.push(step.value.metadata.name);
  }
}

const whole = { names: NAMES, resourceVersion: '100', restarts: 0 };

test('asks for page after page, with the selectors and the limit in each', async () => {
  world.server.answer(({ parameters }) => pageFrom(parameters['continue']));
  const options = { ...SHOP, labelSelector: 'a=b,c!=d', fieldSelector: 'metadata.name=x' };
  const asked = await world.requestsOf(async () => {
    expect(await read(world.api().list(CONFIG_MAPS, options))).toEqual(whole);
  });
  expect(asked.map(({ parameters }) => parameters['continue'])).toEqual([undefined, '4', '8']);
  for (const { method, path, parameters, headers } of asked) {
    expect([method, path]).toEqual(['GET', '/api/v1/namespaces/shop/configmaps']);
    const { labelSelector, fieldSelector } = options;
    expect(parameters).toMatchObject({ labelSelector, fieldSelector, limit: '500' });
    expect(headers['authorization']).toBe('Bearer token-canary');
  }
});

test('all namespaces and cluster-wide objects are one path', async () => {
  world.server.answer(() => configMapList([]));
  const [asked] = await world.requestsOf(() => read(world.api().list(CONFIG_MAPS)));
  expect(asked?.path).toBe('/api/v1/configmaps');
});

test('nothing is a list too; null is what Go makes of it', async () => {
  world.server.answer(() => ({
    body: { kind: 'ConfigMapList', metadata: { resourceVersion: '7' }, items: null },
  }));
  const none = { names: [], resourceVersion: '7', restarts: 0 };
  expect(await read(world.api().list(CONFIG_MAPS, SHOP))).toEqual(none);
});

test('begins again when its snapshot expired, and yields what is unchanged once', async () => {
  let expired = false;
  world.server.answer(({ parameters }) => {
    if (expired) return pageFrom(parameters['continue'], ['map-new', ...NAMES]);
    expired = parameters['continue'] === '8';
    return expired ? refused(410, 'Expired') : pageFrom(parameters['continue']);
  });
  const { names, restarts } = await read(world.api().list(CONFIG_MAPS, SHOP));
  expect(names).toEqual([...NAMES.slice(0, 8), 'map-new', 'map-8', 'map-9']);
  expect(restarts).toBe(1);
});

test('yields again what changed before the list began again', async () => {
  let asked = 0;
  world.server.answer(({ parameters }) => {
    asked += 1;
    if (asked === 2) return refused(410, 'Expired');
    const version = asked === 1 ? '1' : '2';
    const more = parameters['continue'] === undefined && asked === 1 ? { continue: 'x' } : {};
    return configMapList([configMap('changing', version), configMap('same')], more);
  });
  const { names } = await read(world.api().list(CONFIG_MAPS, SHOP));
  expect(names).toEqual(['changing', 'same', 'changing']);
});

test('a list that always expires says so in the end', async () => {
  world.server.answer(({ parameters }) =>
    parameters['continue'] ? refused(410, 'Expired') : pageFrom(undefined),
  );
  const list = read(world.api().list(CONFIG_MAPS, SHOP));
  await expect(list).rejects.toMatchObject({ code: 'gone' });
});

test('a page that breaks off is read again, and what had arrived is not yielded twice', async () => {
  let broken = 0;
  world.server.answer(({ parameters }) => {
    const page = pageFrom(parameters['continue']);
    if (parameters['continue'] !== '4' || broken++ > 0) return page;
    const cut = JSON.stringify(page.body).slice(0, -180);
    return { body: cut, ending: 'reset' };
  });
  const list = await read(world.api().list(CONFIG_MAPS, SHOP));
  expect(list).toEqual(whole);
  expect(broken).toBe(2);
});

test('a few failures on each of many pages are no reason to give up', async () => {
  let asked = 0;
  world.server.answer(({ parameters }) => {
    asked += 1;
    return asked % 3 === 0 ? pageFrom(parameters['continue']) : refused(503, 'ServiceUnavailable');
  });
  const api = world.api({}, { attemptsMax: 3 });
  expect(await read(api.list(CONFIG_MAPS, SHOP))).toEqual(whole);
});

test.each([
  ['denied', refused(403, 'Forbidden'), 'denied'],
  ['throttled', refused(429, 'TooManyRequests'), 'throttled'],
  ['broken', { body: '{"items":[', ending: 'reset' }, 'unreachable'],
  [
    'cut, but ended in order',
    { body: '{"kind":"ConfigMapList","metadata":{},"items":[' },
    'unreachable',
  ],
  ['no list', { body: { kind: 'Backup', metadata: {}, items: [] } }, 'unreachable'],
  ['a list without items', { body: '{"kind":"XList","metadata":{}}' }, 'unreachable'],
  [
    'a list by another spelling',
    { body: '{"kind":"XList","metadata":{},"\\u0069tems":[{}]}' },
    'unreachable',
  ],
  ['a list of numbers', { body: '{"kind":"XList","metadata":{},"items":[1,2]}' }, 'unreachable'],
  ['a list of nameless things', configMapList([{ metadata: {} }]), 'unreachable'],
] as const)('a second page that is %s never ends the list early', async (_, answer, code) => {
  world.server.answer(({ parameters }) =>
    parameters['continue'] === undefined ? pageFrom(undefined) : (answer as ApiAnswer),
  );
  await expect(read(world.api().list(CONFIG_MAPS, SHOP))).rejects.toMatchObject({ code });
});

test.each([
  [
    'an object',
    { objectSizeBytesMax: 1000 },
    configMapList([configMap('big', '1', { a: 'x'.repeat(2000) })]),
  ],
  ['what is around the objects', {}, configMapList([], { remarks: 'x'.repeat(70_000) })],
  ['a list that never ends', { objectsMax: 30 }, configMapList([], { continue: 'for ever' })],
  [
    'more objects than allowed',
    { objectsMax: 5 },
    configMapList(NAMES.map((name) => configMap(name))),
  ],
])('%s is over its limit', async (_, limits, answer) => {
  world.server.answer(() => answer);
  const list = read(world.api({}, limits).list(CONFIG_MAPS, SHOP));
  await expect(list).rejects.toMatchObject({ code: 'too_large' });
});

test('a page of any size takes the memory of one object', async () => {
  const big = JSON.stringify(configMap('big', '1', { a: 'x'.repeat(900) }));
  const count = 20_000;
  async function* body() {
    yield Buffer.from('{"kind":"ConfigMapList","metadata":{},"items":[');
    for (let at = 0; at < count; at += 1) yield Buffer.from(at === 0 ? big : `,${big}`);
    yield Buffer.from(']}');
  }
  const limits = { objectSizeBytesMax: 2000, envelopeSizeBytesMax: 100 };
  let items = 0;
  for await (const part of cutList(body(), limits, { action: 'list', source: 'test' })) {
    if (part.kind === 'item') items += 1;
    expect(part.json.length).toBeLessThan(2000);
  }
  expect(items).toBe(count);
});

describe('cutList()', () => {
  const strings = fc.oneof(
    fc.string(),
    fc.constantFrom('"', '\\', '{', '}', '[', ']', 'items', '\\"'),
  );
  const objects = fc.dictionary(
    strings,
    fc.oneof(fc.jsonValue(), strings, fc.constantFrom({ items: [{ a: 1 }] }, [[{}]])),
  );

  test('finds in any list, however it is cut and spaced, the objects that were written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(objects),
        objects,
        objects,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(undefined, 1, '\t'),
        async (items, before, after, step, indent) => {
          const { items: _, ...head } = before;
          const { items: __, ...tail } = after;
          const text = JSON.stringify({ ...head, items, ...tail }, undefined, indent);
          const bytes = Buffer.from(text);
          async function* body() {
            for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
          }
          const limits = { objectSizeBytesMax: 1e6, envelopeSizeBytesMax: 1e6 };
          const parts = await Array.fromAsync(
            cutList(body(), limits, { action: 'list', source: '' }),
          );
          // Texts are compared, not what JSON.parse makes of them: that of Node 24.21 now and then
          // leaves out a member whose name is written with an escape.
          const plain = (json: unknown) => `${json}`.replace(/\n[ \t]*/g, '');
          const written = (value: unknown) => plain(JSON.stringify(value, undefined, indent));
          const found = parts.filter(({ kind }) => kind === 'item');
          expect(found.map(({ json }) => plain(json))).toEqual(items.map(written));
          expect(parts.at(-1)?.kind).toBe('envelope');
          expect(plain(parts.at(-1)?.json)).toBe(written({ ...head, items: [], ...tail }));
        },
      ),
    );
  });
});
