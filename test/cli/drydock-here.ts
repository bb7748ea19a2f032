import { type Ended, FOREIGN, folder, PROGRESS } from './drydock.ts';
import { inProcess } from './kopia-run.ts';

interface HereOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * As `drydock()`, in a folder and an environment of its own, but in this process, which takes a
 * tenth of the time. Folder and environment are those of the whole process while it runs: one at a
 * time. What needs a process stays with `drydock()`: signals, pipes, the launcher, what escapes.
 */
export async function drydockHere(
  args: readonly string[],
  options: HereOptions = {},
): Promise<Ended> {
  const cwd = options.cwd ?? (await folder());
  const before = { cwd: process.cwd(), env: { ...process.env } };
  const env = { HOME: cwd, AWS_EC2_METADATA_DISABLED: 'true', ...options.env };
  for (const name of Object.keys(process.env)) if (FOREIGN.test(name)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  try {
    const { code, stdout, stderr } = await inProcess(args, { env });
    return { code, stdout, stderr: stderr.replace(PROGRESS, '') };
  } finally {
    process.chdir(before.cwd);
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before.env);
  }
}
