/** Why a name cannot be a file name, or may not be the one that the file had. */
export type NameTrouble = 'empty' | 'dot' | 'nul' | 'slash' | 'not-utf8';

/**
 * What stands in the way of using an entry's name as a file name; none of it is damage.
 *
 * - `slash`: Velero's block volumes are a directory with one entry, named by the device's whole path.
 * - `not-utf8`: Kopia writes names as JSON, and Go's encoder replaces each byte that is no UTF-8 by
 *   U+FFFD. What stood there is lost, several names may have become one, of which Kopia restores the
 *   last and drops the others in silence, and a name that really holds U+FFFD looks the same.
 * - `empty`, `dot` (also `..`), `nul`: no file system makes such an entry.
 */
export function nameTrouble(name: string): NameTrouble | undefined {
  if (name === '') return 'empty';
  if (name === '.' || name === '..') return 'dot';
  if (name.includes('\0')) return 'nul';
  if (name.includes('/')) return 'slash';
  return name.includes('\uFFFD') ? 'not-utf8' : undefined;
}
