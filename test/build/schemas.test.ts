import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCHEMAS, schemaFiles } from '../../infra/build/schemas.ts';

const FOLDER = join(import.meta.dirname, '../../docs/schemas');

describe('docs/schemas', () => {
  test('is what "node infra/build/schemas.ts" writes', () => {
    const files = readdirSync(FOLDER)
      .filter((name) => name.endsWith('.json'))
      .map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]);
    expect(new Map(files as [string, string][])).toEqual(schemaFiles());
  });

  test('forbids no field that a later Drydock may add', () => {
    for (const text of schemaFiles().values()) {
      expect(text).not.toContain('"additionalProperties": false');
    }
  });

  test('has every schema in the table of its README', () => {
    const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    for (const [name, schema] of Object.entries(SCHEMAS)) {
      const [id] = schema.shape.schema.values;
      expect(page).toContain(`| \`${id}\` | [${name}.schema.json](${name}.schema.json) |`);
    }
  });

  test('refuses what is no such document', () => {
    for (const schema of Object.values(SCHEMAS)) {
      expect(schema.safeParse({ schema: 'drydock/other/v1' }).success).toBe(false);
    }
  });
});
