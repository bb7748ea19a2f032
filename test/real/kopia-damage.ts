/**
 * Lets our verification and the released Kopia judge every damaged twin.
 *
 *     node test/real/kopia-damage.ts [--write] [<name> ...]
 *
 * Prints the table; with `--write` it goes into docs/kopia.md.
 */
import { parseArgs } from 'node:util';
import { DAMAGES } from '../support/kopia-damage/damages.ts';
import { damageTable, writeTable } from './kopia/damage-table.ts';
import { judge } from './kopia/judgement.ts';
import { Places } from './replica/places.ts';
import { slots } from './replica/slots.ts';

// A proxy of the surroundings cannot reach servers of this machine.
process.env['NO_PROXY'] = '127.0.0.1';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});

const chosen = DAMAGES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const places = await Places.start();
const inSlot = slots(3);
try {
  const table = damageTable(
    await Promise.all(chosen.map((damage) => inSlot(() => judge(damage, places.ground())))),
  );
  if (values.write) await writeTable(table);
  else console.log(table);
} finally {
  await places.close();
}
