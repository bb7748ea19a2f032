import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { ROOT } from '../../infra/build/bundle.ts';
import { literalKeys, withLiteralKeys } from '../../infra/build/literal-keys.ts';

test('a key that is a constant is written as what it is, and nothing else changes', () => {
  const text = 'const _eN = "ec2QueryName";\nvar A$ = [3, _A, { [_eN]: _x, [other]: 1 }, [_eN]];';
  expect(withLiteralKeys(text)).toBe(
    'const _eN = "ec2QueryName";\nvar A$ = [3, _A, { "ec2QueryName": _x, [other]: 1 }, [_eN]];',
  );
});

test.each(['s3', 'sqs'])('the schemas of client-%s mean what they meant', async (client) => {
  const path = join(ROOT, `node_modules/@aws-sdk/client-${client}/dist-es/schemas/schemas_0.js`);
  const [before, after] = [await loaded(path, false), await loaded(path, true)];
  expect(Object.keys(before).length).toBeGreaterThan(20);
  expect(shown(after)).toBe(shown(before));
});

async function loaded(path: string, isLiteral: boolean): Promise<Record<string, unknown>> {
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    plugins: isLiteral ? [literalKeys] : [],
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  return await import(`data:text/javascript;base64,${code}`);
}

/** Schemas are nested lists; references between them are functions, shown by their text. */
function shown(schemas: Record<string, unknown>): string {
  return JSON.stringify(schemas, (_, value: unknown) =>
    typeof value === 'function' ? String(value) : value,
  );
}
