import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

const SCHEMAS = /@aws-sdk[\\/][^\\/]+[\\/]dist-es[\\/]schemas[\\/]schemas_\d+\.js$/;

/**
 * Writes the computed keys of the AWS SDK's schemas (`[_eN]: …`, where `const _eN = "…"`) as what
 * they are. A bundler must take a computed key for something that may have an effect, and so keeps
 * the schemas of all operations: of EC2 that is 550 KB for the one operation that is called.
 */
export const literalKeys: Plugin = {
  name: 'literal-keys',
  setup(build) {
    build.onLoad({ filter: SCHEMAS }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return { contents: withLiteralKeys(text), loader: 'js' };
    });
  },
};

export function withLiteralKeys(text: string): string {
  const constants = text.matchAll(/^const (_\w+) = ("[^"\\]*");$/gm);
  const literals = new Map([...constants].map(([, name = '', literal = '']) => [name, literal]));
  return text.replace(/\[(_\w+)\]:/g, (whole, name: string) => {
    const literal = literals.get(name);
    return literal === undefined ? whole : `${literal}:`;
  });
}
