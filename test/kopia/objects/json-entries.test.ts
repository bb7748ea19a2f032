import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntriesParser, MalformedEntries } from '../../../shared/kopia/objects/json-entries.ts';

interface Parsed {
  readonly entries: readonly unknown[];
  readonly members: Readonly<Record<string, unknown>>;
}

/** In pieces that end at `cuts`, or in one. */
function parse(
  text: string | Buffer,
  cuts: readonly number[] = [],
  valueSizeBytesMax = 1e6,
): Parsed {
  const bytes = Buffer.from(text);
  const parser = new EntriesParser(['stream', 'summary'], valueSizeBytesMax);
  const entries: unknown[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    for (const batch of parser.feed(bytes.subarray(start, end))) entries.push(...batch);
    start = end;
  }
  const { entries: _, ...members } = Object.fromEntries(parser.end());
  return { entries, members };
}

describe('EntriesParser', () => {
  test('reads what JSON.parse reads, wherever the bytes are cut and whatever is in them', () => {
    const value = fc.jsonValue({ maxDepth: 5 });
    const object = fc.record({
      entries: fc.array(value),
      stream: fc.string({ unit: 'grapheme' }),
      summary: value,
      // Passed over.
      other: value,
      'a"b\\': value,
    });
    const order = fc.shuffledSubarray(['entries', 'stream', 'summary', 'other', 'a"b\\'] as const);
    const space = fc.constantFrom(0, 1, 3);
    const cuts = fc.array(fc.nat(2000), { maxLength: 40 });
    fc.assert(
      fc.property(object, order, space, cuts, (full, names, indent, where) => {
        const part = Object.fromEntries(names.map((name) => [name, full[name]]));
        const text = `${JSON.stringify(part, undefined, indent)}\n`;
        const plain = JSON.parse(text) as Record<string, unknown>;
        const { entries = [], other: _, 'a"b\\': __, ...members } = plain;
        expect(parse(text, where)).toEqual({ entries, members });
      }),
    );
  });

  test('cuts between any two bytes change nothing', () => {
    const text =
      ' {"stream" : "k\\"]}", "entries":[{"a":"},{"},[1,[2]],"\u{1f6df}",null] ,"summary":{} } ';
    const whole = parse(text);
    expect(whole.entries).toEqual([{ a: '},{' }, [1, [2]], '\u{1f6df}', null]);
    for (let cut = 0; cut <= Buffer.byteLength(text); cut += 1) {
      expect(parse(text, [cut])).toEqual(whole);
    }
    expect(
      parse(
        text,
        Array.from({ length: 200 }, (_, at) => at),
      ),
    ).toEqual(whole);
  });

  test('a text that ends too early is never taken for whole', () => {
    const text = '{"stream":"x","entries":[{"a":1},{"b":[2]}],"summary":{"n":1}}';
    for (let length = 0; length < text.length; length += 1) {
      expect(() => parse(text.slice(0, length)), text.slice(0, length)).toThrow(MalformedEntries);
    }
  });

  test('refuses what JSON.parse refuses, and names twice', () => {
    for (const text of [
      '{"entries":[,]}',
      '{"entries":[1,]}',
      '{"entries":[1,,2]}',
      '{"entries":[,1]}',
      '{"entries":[{} {}]}',
      '{"entries":[{]}',
      '{"entries":[1}]',
      '{"entries":[1]]}',
      '{"entries":[1],}',
      '{,"entries":[1]}',
      '{"entries":[1]',
      '{"entries":[1]}{}',
      '{"entries" [1]}',
      '{"stream":,"entries":[1]}',
      '{"stream":1 2}',
      '{entries:[1]}',
      '[1]',
      'null',
      '',
      '{"entries":{"a":1}}',
      '{"entries":7}',
      '{"entries":[1],"entries":[2]}',
      "{'entries':[1]}",
      '{"entries":["\u0001"]}',
      '{"entries":[01]}',
      '{"entries":[__proto__]}',
    ]) {
      expect(() => parse(text), text).toThrow(MalformedEntries);
      expect(() => parse(text, [1, 5, 9, 12, 13, 14]), text).toThrow(MalformedEntries);
    }
  });

  test('an absent list, and one that Go wrote as null, are empty', () => {
    expect(parse('{}').entries).toEqual([]);
    expect(parse('{"stream":"s","entries":null}')).toEqual({
      entries: [],
      members: { stream: 's' },
    });
    expect(parse('{"entries":[ ]}').entries).toEqual([]);
  });

  test('"__proto__" is a member like any other', () => {
    const { entries } = parse('{"__proto__":{"bad":1},"entries":[{"__proto__":{"bad":1}}]}');
    expect(Object.keys(entries[0] as object)).toEqual(['__proto__']);
    expect(({} as { bad?: number }).bad).toBeUndefined();
  });

  test('bounds the size of a value, the depth of brackets, and the length of a name', () => {
    const long = `"${'a'.repeat(200_000)}"`;
    expect(parse(`{"entries":[${long}]}`).entries).toHaveLength(1);
    expect(() => parse(`{"entries":[${long}]}`, [], 1000)).toThrow(/a value of more than 1000/);
    expect(() => parse(`{"summary":${long}}`, [], 1000)).toThrow(/a value of more than 1000/);
    expect(() => parse(`{${long}:1}`, [], 1000)).toThrow(/a value of more than 1000/);
    // What is passed over is not held, and so may have any size.
    expect(parse(`{"other":${long}}`, [], 1000).entries).toEqual([]);
    expect(() => parse(`{"entries":[${'['.repeat(1e6)}`)).toThrow(/nested too deeply/);
    expect(() => parse(`{"other":${'['.repeat(1e6)}`)).toThrow(/nested too deeply/);
  });

  test('any bytes are read or refused, never anything else', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '1',
      ' ',
      'entries',
      '"entries"',
      'null',
      'é',
    );
    const texts = fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join(''));
    fc.assert(
      fc.property(texts, fc.array(fc.nat(60)), (text, cuts) => {
        let plain: unknown;
        try {
          plain = JSON.parse(text);
        } catch {
          plain = undefined;
        }
        try {
          const { entries } = parse(text, cuts);
          if (plain !== undefined)
            expect((plain as { entries?: unknown }).entries ?? []).toEqual(entries);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedEntries);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
