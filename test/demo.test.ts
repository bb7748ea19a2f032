import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';

const DEMO = join(import.meta.dirname, 'demo/demo.ts');

/** Of both runs: compiling the sources is a good part of what they cost. */
const compiled = mkdtempSync(join(tmpdir(), 'drydock-demo-compiled-'));
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Told {
  readonly code: number | null;
  readonly text: string;
  /** What it left in its temporary folder. */
  readonly leftovers: readonly string[];
}

/** Runs a part of the demo as a user does whose output is no terminal. */
function runDemo(part: string, interruptAt?: string): Promise<Told> {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-demo-test-'));
  folders.push(folder);
  const temporary = { TMPDIR: folder, TEMP: folder, TMP: folder };
  const env = { ...process.env, ...temporary, NODE_COMPILE_CACHE: compiled };
  const child = spawn(process.execPath, [DEMO, part], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let interrupted = false;
  const hear = (piece: Buffer): void => {
    text += piece;
    if (interruptAt === undefined || interrupted || !text.includes(interruptAt)) return;
    interrupted = true;
    child.kill('SIGINT');
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Comes only when every process has gone that could write to the same output.
    child.once('close', (code) => resolve({ code, text, leftovers: readdirSync(folder) }));
  });
}

describe('npm run demo', () => {
  test.each([
    [
      'replicate',
      [
        'nothing written',
        'as planned',
        'nothing to do',
        'not whole, so closed',
        'whole, nothing twice',
        'every byte equal',
        'every byte proven',
        'told, with what it costs',
      ],
    ],
    [
      'verify',
      [
        'all proven',
        'snapshots counted missing',
        'the one before counts',
        'slot named',
        'both told, with the cost',
        'missed at once',
      ],
    ],
  ])('keeps each of the promises of %s and leaves nothing behind', async (part, outcomes) => {
    const { code, text, leftovers } = await runDemo(part);
    expect(text).toContain('All as promised');
    expect(code).toBe(0);
    expect(text).not.toContain('\u001b');
    for (const outcome of outcomes) expect(text).toMatch(new RegExp(`\\d  ${outcome}$`, 'm'));
    expect(leftovers).toEqual([]);
  });

  test('cleans up when it is interrupted', async () => {
    const { code, text, leftovers } = await runDemo('replicate', '$ drydock replicate');
    expect(code, text).toBe(130);
    expect(leftovers).toEqual([]);
  });
});
