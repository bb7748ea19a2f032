import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  configJsonSchema,
  exampleAt,
  type JsonSchema,
  keysAt,
} from '../../shared/config/schema.ts';

/** Every place of the schema that has a name of its own, with the path to it. */
function* places(schema: JsonSchema, path = ''): Generator<readonly [string, JsonSchema]> {
  const { additionalProperties: free, anyOf = [], items, properties = {} } = schema;
  for (const [key, inner] of Object.entries(properties)) {
    yield [`${path}.${key}`, inner];
    yield* places(inner, `${path}.${key}`);
  }
  const below = [...anyOf, ...(items ? [items] : []), ...(typeof free === 'object' ? [free] : [])];
  for (const inner of below) {
    if (inner.properties === undefined || inner === items) yield [`${path}[]`, inner];
    yield* places(inner, `${path}[]`);
  }
}

describe('the published JSON Schema', () => {
  const schema = configJsonSchema();

  test('is what "drydock config schema" prints', async () => {
    const path = join(import.meta.dirname, '../../docs/drydock.schema.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(schema);
  });

  test('describes everything that a file may hold', () => {
    const all = [...places(schema)];
    expect(all.map(([path]) => path)).toEqual(
      expect.arrayContaining(['.clusters[].eks.region', '.verify.schedules[].cron']),
    );
    expect(all.filter(([, { description = '' }]) => description.length < 8)).toEqual([]);
  });

  test('shows the defaults, and that a cluster is reached in one way', () => {
    expect(schema).toMatchObject({
      properties: {
        clusters: { additionalProperties: { oneOf: [{ required: ['kubeconfig'] }, {}, {}, {}] } },
        verify: { properties: { rpo: { default: '24h' }, proofDays: { default: 14 } } },
      },
    });
    expect(schema.properties?.['verify']).not.toHaveProperty('required');
  });

  test('knows the keys of every place, for hints', () => {
    expect(keysAt([])).toEqual(
      'version state clusters locations classes protect verify replicate events'.split(' '),
    );
    expect(keysAt(['locations', 'prod'])).toContain('layout');
    expect(keysAt(['replicate', 'routes', 0])).toContain('concurrency');
    expect(keysAt(['state'])).toContain('url');
    expect(keysAt(['clusters', 'prod', 'eks'])).toContain('roleArn');
    expect(keysAt(['protect', 'applications', 0, 'labels'])).toEqual([]);
  });

  test('has an example where a hint needs one', () => {
    expect(exampleAt(['classes', 'gold', 'rpo'])).toBe('24h');
    expect(exampleAt(['locations', 'a', 'snapshots', 'aws', 'account'])).toBe('111122223333');
    expect(exampleAt(['nowhere'])).toBeUndefined();
  });
});
