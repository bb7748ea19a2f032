import { describe, expect, test } from 'vitest';
import { parseMessage } from '../../shared/queues/work-message.ts';

const MESSAGE = {
  schema: 'drydock/shard/v1',
  job: 'verify',
  runId: 'run',
  location: 'primary',
  continuation: 0,
} as const;

const codeOf = (entry: unknown): unknown => {
  try {
    return parseMessage(entry);
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a message', () => {
  const text = JSON.stringify(MESSAGE);

  test.each([
    ['as JSON', text],
    ['as JSON with blanks around it', ` ${text}\n`],
    ['as base64 of JSON', Buffer.from(text).toString('base64')],
    ['as a platform parsed it', MESSAGE],
  ])('is read %s', (_, entry) => {
    expect(parseMessage(entry)).toEqual(MESSAGE);
  });

  test('loses what this version does not know', () => {
    expect(parseMessage({ ...MESSAGE, hurry: true })).toEqual(MESSAGE);
    expect(parseMessage({ ...MESSAGE, backup: 'daily-1' })).toEqual({
      ...MESSAGE,
      backup: 'daily-1',
    });
  });

  test.each([
    ['of no JSON', 'hello'],
    ['of broken JSON', '{"schema":'],
    ['of no object', '"text"'],
    ['of null', null],
    ['of nothing', undefined],
    ['of a list', '[]'],
    ['of another schema', { ...MESSAGE, schema: 'acme/shard/v1' }],
    ['of another job', { ...MESSAGE, job: 'prune' }],
    ['without a location', { ...MESSAGE, location: undefined }],
    ['with an endless name', { ...MESSAGE, location: 'x'.repeat(254) }],
    ['with a backup that is no name', { ...MESSAGE, backup: 7 }],
    ['with half a continuation', { ...MESSAGE, continuation: 0.5 }],
    ['with a continuation below 0', { ...MESSAGE, continuation: -1 }],
    ['beyond what a queue carries', `{"a":"${'x'.repeat(2 ** 20)}"}`],
  ])('%s is refused', (_, entry) => {
    expect(codeOf(entry)).toBe('MESSAGE_INVALID');
  });

  test('of a newer Drydock is refused as such', () => {
    expect(codeOf({ ...MESSAGE, schema: 'drydock/shard/v2' })).toBe('MESSAGE_NEWER');
  });
});
