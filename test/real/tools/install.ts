/**
 * Installs the pinned tools into a cache outside the tree.
 *
 *     node test/real/tools/install.ts [--group <group> ...] [--tool <name> ...] [--list]
 *
 * Without arguments: the group `core`. Prints one line per tool; exits 1 when one could not be
 * installed, 2 when the arguments are wrong.
 */
import { parseArgs } from 'node:util';
import { TOOLS, type ToolGroup, type ToolPin, toolGroups } from './pins.ts';
import { InstallError, programNames } from './recipes.ts';
import { installTool, toolPath, toolPin, toolsRoot } from './tools.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        group: { type: 'string', multiple: true },
        tool: { type: 'string', multiple: true },
        list: { type: 'boolean' },
      },
    });
    if (values.list) return list();
    return await install(select(values.group ?? [], values.tool ?? []));
  } catch (error) {
    report(error);
    return 2;
  }
}

function select(groups: readonly string[], names: readonly string[]): ToolPin[] {
  const wanted = groups.length + names.length === 0 ? ['core'] : groups.flatMap(splitCommas);
  for (const group of wanted) {
    if (toolGroups().includes(group as ToolGroup)) continue;
    const known = toolGroups().join(', ');
    throw new InstallError(`cannot find group "${group}"`, `use one of ${known}`);
  }
  const chosen = new Set(names.flatMap(splitCommas).map((name) => toolPin(name).name));
  return TOOLS.filter((tool) => wanted.includes(tool.group) || chosen.has(tool.name));
}

function splitCommas(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

async function install(pins: readonly ToolPin[]): Promise<number> {
  let failures = 0;
  for (const pin of pins) {
    try {
      const done = await installTool(pin);
      const verb = done.state === 'installed' ? 'installed in' : 'already there, once took';
      console.log(`${title(pin)} ${verb} ${done.seconds.toFixed(1)} s`);
    } catch (error) {
      failures += 1;
      console.log(`${title(pin)} FAILED`);
      report(error);
    }
  }
  const ready = pins.length - failures;
  console.log(`${ready} of ${pins.length} tools ready in ${toolsRoot()}`);
  return failures === 0 ? 0 : 1;
}

function list(): number {
  for (const pin of TOOLS) {
    const programs = programNames(pin).join(' ');
    console.log(`${title(pin)} ${pin.group.padEnd(12)} ${programs.padEnd(16)} ${where(pin)}`);
  }
  return 0;
}

function where(pin: ToolPin): string {
  try {
    return toolPath(pin.name);
  } catch {
    return 'not installed';
  }
}

function title(pin: ToolPin): string {
  return `${pin.name.padEnd(14)} ${pin.version.padEnd(8)}`;
}

function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  console.error(message);
  if (error instanceof InstallError) console.error(`  ${error.hint}`);
}
