import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QueueError } from '../../shared/queues/queue-error.ts';
import { parseMessage } from '../../shared/queues/work-message.ts';
import type { WorkMessage, WorkQueue } from '../../shared/queues/work-queue.ts';

export interface QueueSubject {
  readonly queue: WorkQueue;
  /** Of a service: queues that fail in the ways that are named; in process none can. */
  readonly failing?: Readonly<Partial<Record<'not_found' | 'denied' | 'unreachable', WorkQueue>>>;
  /** What is delivered now, as a platform would hand it to a function. */
  take(): Promise<unknown[]>;
  /** Waits, or turns the clock, until what was delayed by a second is due. */
  pass(): Promise<void>;
  close(): Promise<void>;
}

const MESSAGE: WorkMessage = {
  schema: 'drydock/shard/v1',
  job: 'verify',
  runId: '6f1c0c1e-0000-4000-8000-000000000000',
  location: 'primary',
  continuation: 0,
};
/** What XML, JSON and base64 could each spoil. */
const ODD: WorkMessage = { ...MESSAGE, backup: 'a<b>&"\\é€𝄞', continuation: 7 };

/** What every `WorkQueue` does, whoever carries the messages. */
export function workQueueContract(name: string, start: () => Promise<QueueSubject>): void {
  describe(`the queue ${name}`, () => {
    let subject: QueueSubject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject.close());

    test('delivers what was sent, each message whole', async () => {
      for (const message of [MESSAGE, ODD]) await subject.queue.send(message);
      const taken = (await subject.take()).map(parseMessage);
      expect(taken).toHaveLength(2);
      expect(taken).toEqual(expect.arrayContaining([MESSAGE, ODD]));
      expect(await subject.take()).toEqual([]);
    });

    test('delivers a delayed message later', async () => {
      await subject.queue.send(MESSAGE, { delayMs: 1_000 });
      expect(await subject.take()).toEqual([]);
      await subject.pass();
      expect((await subject.take()).map(parseMessage)).toEqual([MESSAGE]);
    });

    test('sends nothing once the signal is aborted, and rejects with its reason', async () => {
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(subject.queue.send(MESSAGE, { signal })).rejects.toBe(reason);
      expect(await subject.take()).toEqual([]);
    });

    test('fails by a fact each, and shows no signature', async () => {
      for (const [code, queue] of Object.entries(subject.failing ?? {})) {
        const error: unknown = await queue.send(MESSAGE).catch((thrown: unknown) => thrown);
        expect(error, code).toBeInstanceOf(QueueError);
        expect(error).toMatchObject({ code, message: expect.stringContaining(queue.url) });
        const shown = `${(error as Error).message} ${JSON.stringify((error as Error).cause)}`;
        expect(shown).not.toMatch(/signature|authorization|SharedKey/i);
      }
    });
  });
}
