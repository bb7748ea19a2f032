import { expect, test } from 'vitest';
import type { WatchEvent } from '../../shared/kubernetes/api.ts';
import { type ApiAnswer, configMap, refused } from '../support/fake-api-server.ts';
import { CONFIG_MAPS, kubernetesWorld, SHOP } from './world.ts';

const world = kubernetesWorld();
const FROM = { ...SHOP, resourceVersion: '10' };

const frame = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const added = (name: string, version: string) => frame('ADDED', configMap(name, version));
const bookmark = (resourceVersion: string) =>
  frame('BOOKMARK', { kind: 'ConfigMap', metadata: { resourceVersion } });

/** One answer for each connection; after the last one, silence. */
function answers(...each: ApiAnswer[]): void {
  world.server.answer(() => each.shift() ?? { ending: 'silence' });
}

const short = (event: WatchEvent): string =>
  event.type === 'bookmark'
    ? `bookmark ${event.resourceVersion}`
    : `${event.type} ${event.object.metadata.name}`;

/** The first events of a watch, and the resource versions that its connections began at. */
async function watched(count: number, limits = {}) {
  const events: string[] = [];
  const asked = await world.requestsOf(async () => {
    const watch = world.api({}, limits).watch(CONFIG_MAPS, FROM);
    for await (const event of watch) if (events.push(short(event)) === count) break;
  });
  return { events, asked, from: asked.map(({ parameters }) => parameters['resourceVersion']) };
}

test('yields what changes, and asks for bookmarks and an end', async () => {
  const body = [added('a', '11'), frame('MODIFIED', configMap('a', '12')), bookmark('15')];
  answers({ body: [...body, frame('DELETED', configMap('a', '16'))].join(''), ending: 'silence' });
  const { events, asked } = await watched(4);
  expect(events).toEqual(['added a', 'modified a', 'bookmark 15', 'deleted a']);
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    path: '/api/v1/namespaces/shop/configmaps',
    parameters: { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '300' },
  });
});

test('goes on behind the last event or bookmark when a connection ends or breaks', async () => {
  answers(
    { body: added('a', '11') + bookmark('20') },
    { body: added('b', '21'), ending: 'reset' },
    { body: `${added('c', '22')}${added('d', '23').slice(0, 30)}`, ending: 'reset' },
    { body: added('d', '23'), ending: 'silence' },
  );
  const { events, from } = await watched(5);
  expect(events).toEqual(['added a', 'bookmark 20', 'added b', 'added c', 'added d']);
  expect(from).toEqual(['10', '20', '21', '22']);
});

test('a silent connection is opened anew, as often as it takes', async () => {
  const silent = Array.from({ length: 8 }, (): ApiAnswer => ({ ending: 'silence' }));
  answers(...silent, { body: added('a', '11'), ending: 'silence' });
  const { events, asked } = await watched(1, { watchIdleMs: 15 });
  expect(events).toEqual(['added a']);
  expect(asked).toHaveLength(9);
});

test('failures between events are no reason to give up', async () => {
  const broken = refused(503, 'ServiceUnavailable');
  const once = (version: string): ApiAnswer => ({
    body: added(`at-${version}`, version),
    ending: 'reset',
  });
  answers(broken, once('11'), broken, broken, once('12'), broken, broken, once('13'));
  const { events } = await watched(3, { attemptsMax: 4 });
  expect(events).toEqual(['added at-11', 'added at-12', 'added at-13']);
});

test('a server that ends every watch at once is asked ever more slowly', async () => {
  answers(...Array.from({ length: 6 }, (): ApiAnswer => ({})), { body: added('a', '11') });
  const api = world.api();
  const begun = api.clock.now().getTime();
  for await (const event of api.watch(CONFIG_MAPS, FROM)) {
    expect(short(event)).toBe('added a');
    break;
  }
  expect(api.clock.now().getTime() - begun).toBe((250 + 500 + 1000 + 2000 + 4000 + 8000) / 2);
});

test.each([
  ['in the stream', { body: frame('ERROR', refused(410, 'Expired').body) }],
  ['by its status', refused(410, 'Expired')],
])('lost events are "gone", said %s', async (_, answer) => {
  answers(answer);
  await expect(watched(1)).rejects.toMatchObject({ code: 'gone' });
});

test.each([
  ['denied', refused(403, 'Forbidden'), 'denied'],
  [
    'a 404 that names nothing',
    { body: frame('ERROR', refused(404, 'NotFound').body) },
    'unreachable',
  ],
  ['an error that names no code', { body: frame('ERROR', {}) }, 'unreachable'],
  ['no event', { body: '{"type":"toString","object":{"metadata":{"name":"a"}}}\n' }, 'unreachable'],
  ['no JSON', { body: '<html>\n' }, 'unreachable'],
  ['broken each time', { body: '', ending: 'reset' }, 'unreachable'],
  ['throttled', refused(429, 'TooManyRequests'), 'throttled'],
] as const)('%s ends it', async (_, answer, code) => {
  world.server.answer(() => answer as ApiAnswer);
  await expect(watched(1)).rejects.toMatchObject({ code });
});

test('an event over the limit ends it, also when it never ends itself', async () => {
  world.server.answer(() => ({ body: 'x'.repeat(5000), ending: 'silence' }));
  await expect(watched(1, { objectSizeBytesMax: 4096 })).rejects.toMatchObject({
    code: 'too_large',
  });
});

test('an aborted watch rejects with the reason of its signal', async () => {
  answers({ body: added('a', '11'), ending: 'silence' });
  const controller = new AbortController();
  const reason = new Error('enough');
  const watch = world.api().watch(CONFIG_MAPS, { ...FROM, signal: controller.signal });
  expect(await watch.next()).toMatchObject({ done: false });
  const next = watch.next();
  controller.abort(reason);
  await expect(next).rejects.toBe(reason);
});
