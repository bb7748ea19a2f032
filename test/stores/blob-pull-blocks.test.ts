import { describe, expect, test } from 'vitest';
import {
  blockName,
  endName,
  noteName,
  pullIdentity,
  pullState,
} from '../../shared/stores/blob-pull-blocks.ts';

const info = { key: 'k', etag: 'e', sizeBytes: 25, lastModified: new Date(0) };
const identity = pullIdentity('s3://bucket', info, 10);
const pieces = [10, 10, 5].map((lengthBytes, at) => ({ offsetBytes: at * 10, lengthBytes }));
const crc = (digit: string): string => digit.repeat(16);
const block = (index: number, size = 10, tries = 0) => ({
  name: blockName(identity, tries, index),
  size,
});
const note = (index: number, crc64nvme: string, tries = 0) => ({
  name: noteName(identity, tries, index, crc64nvme),
  size: 1,
});
const staged = (blocks: { name: string; size: number }[]) => pullState(identity, blocks, pieces);

describe('what an unfinished pull has left', () => {
  test('is each block whose note is there, with its checksum', () => {
    const state = staged([block(0), note(0, crc('a')), block(2, 5), note(2, crc('b')), block(1)]);
    expect(state).toEqual({
      endedTries: 0,
      staged: new Map([
        [0, crc('a')],
        [2, crc('b')],
      ]),
    });
  });

  test('is nothing of another version, division or writer', () => {
    const other = pullIdentity('s3://bucket', { ...info, etag: 'f' }, 10);
    const divided = pullIdentity('s3://bucket', info, 20);
    const foreign = [other, divided].flatMap((one) => [
      { name: blockName(one, 0, 0), size: 10 },
      { name: noteName(one, 0, 0, crc('a')), size: 1 },
    ]);
    const names = ['', 'AAAA', Buffer.alloc(36, 7).toString('base64')];
    const strange = names.map((name) => ({ name, size: 10 }));
    expect(staged([...foreign, ...strange]).staged.size).toBe(0);
  });

  test('is no block of another length, without one, or with two opinions', () => {
    expect(staged([block(0, 9), note(0, crc('a'))]).staged.size).toBe(0);
    expect(staged([note(0, crc('a')), note(9, crc('a'))]).staged.size).toBe(0);
    expect(staged([block(0), note(0, crc('a')), note(0, crc('b'))]).staged.size).toBe(0);
    expect(
      staged([{ name: blockName(identity, 0, 9), size: 1 }, note(9, crc('a'))]).staged.size,
    ).toBe(0);
  });

  test('is begun again after bytes that were not the right ones', () => {
    const ended = { name: endName(identity, 0), size: 1 };
    const before = [block(0), note(0, crc('a')), ended];
    expect(staged(before)).toEqual({ endedTries: 1, staged: new Map() });
    const again = [block(0, 10, 1), note(0, crc('c'), 1)];
    expect(staged([...before, ...again]).staged).toEqual(new Map([[0, crc('c')]]));
    const all = Array.from({ length: 300 }, (_, at) => ({
      name: endName(identity, Math.min(at, 255)),
      size: 1,
    }));
    expect(staged(all).endedTries).toBe(255);
  });

  test('has names of one length, as other writers have them', () => {
    for (const name of [blockName(identity, 0, 49_999), noteName(identity, 3, 1, crc('f'))]) {
      expect(name).toHaveLength(48);
    }
  });
});
