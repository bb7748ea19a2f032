import { expect, test } from 'vitest';
import { inProcessQueue } from '../../shared/queues/in-process.ts';
import type { WorkMessage } from '../../shared/queues/work-queue.ts';
import { workQueueContract } from '../contract/work-queue.ts';
import { fakeClock } from '../support/clock.ts';

const message = (location: string, continuation = 0): WorkMessage => ({
  schema: 'drydock/shard/v1',
  job: 'verify',
  runId: 'run',
  location,
  continuation,
});

test('hands over what is sent meanwhile too, in turn, and says how many wait', async () => {
  const queue = inProcessQueue(fakeClock());
  for (const name of ['a', 'b']) await queue.send(message(name));
  const seen: string[] = [];
  await queue.drain(async ({ location, continuation }, waiting) => {
    seen.push(`${location}${continuation} ${waiting}`);
    if (location === 'a' && continuation < 2) await queue.send(message('a', continuation + 1));
  });
  expect(seen).toEqual(['a0 1', 'b0 1', 'a1 0', 'a2 0']);
});

test('ends with what the handler throws, and keeps the rest', async () => {
  const queue = inProcessQueue(fakeClock());
  for (const name of ['a', 'b']) await queue.send(message(name));
  const broken = new Error('broken');
  await expect(
    queue.drain(async () => {
      throw broken;
    }),
  ).rejects.toBe(broken);
  const seen: string[] = [];
  await queue.drain(async ({ location }) => void seen.push(location));
  expect(seen).toEqual(['b']);
});

workQueueContract('in process', async () => {
  const clock = fakeClock();
  const queue = inProcessQueue(clock);
  return {
    queue,
    take: async () => {
      const taken: WorkMessage[] = [];
      await queue.drain(async (each) => void taken.push(each));
      return taken;
    },
    pass: async () => clock.advance(1_000),
    close: async () => {},
  };
});
