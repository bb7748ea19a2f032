import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { kopiaWorld } from '../support/kopia-writer/world.ts';
import { kopia, temporaryFolder } from './kopia-run.ts';
import { file, opened } from './kopia-world.ts';

const isRoot = process.getuid?.() === 0;

describe('the rights of the user', () => {
  test('--owners needs root', async () => {
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(1000);
    onTestFinished(() => getuid.mockRestore());
    const ended = await kopia(['restore', 'file:///nowhere', 'latest', '/tmp/x', '--owners']);
    expect(ended.stderr).toContain('error OWNERS_NEED_ROOT');
  });

  test('--owners restores owner and group', async () => {
    const world = await kopiaWorld();
    // Whoever is not root can give a file to nobody but to itself.
    const [uid, gid] = isRoot ? [1234, 2345] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(0);
    onTestFinished(() => getuid.mockRestore());
    const entries = [{ ...file(world, 'a', 'x'), uid, gid }];
    world.snapshot(world.directory('data', entries));
    const { url, env } = await opened(world);
    const folder = await temporaryFolder();
    expect((await kopia(['restore', url, 'latest', folder, '--owners'], { env })).code).toBe(0);
    const seen = await stat(join(folder, 'a'));
    expect([seen.uid, seen.gid]).toEqual([uid, gid]);
  });

  test('a folder that nobody may enter is restored with what is in it', async () => {
    const world = await kopiaWorld();
    const closed = { ...world.tree({ a: 'x' }, 'closed'), mode: '0000' };
    world.snapshot(world.directory('data', [closed]));
    const { url, env } = await opened(world);
    const folder = join(await temporaryFolder(), 'x');
    await mkdir(folder);
    expect((await kopia(['restore', url, 'latest', folder], { env })).code).toBe(0);
    const path = join(folder, 'closed');
    expect((await stat(path)).mode & 0o777).toBe(0);
    await chmod(path, 0o700);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('x');
    await rm(path, { recursive: true });
  });
});
