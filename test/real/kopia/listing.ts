/** What `kopia ls` and `drydock kopia ls` print, brought to one form. */

/** Of one entry: what both of them say, on one line. Names may hold line breaks. */
export type Listing = readonly string[];

export interface OurEntry {
  readonly path: string;
  readonly type: string;
  readonly mode: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  readonly objectId: string;
}

/** Lines of `kopia ls -r -l`, sorted: their order changes from run to run. */
export function kopiaListing(stdout: string): Listing {
  const lines = stdout.split('\n');
  return lines.slice(0, -1).map(normalised).sort();
}

/** `<mode> <size> <date> <time> <zone> <object id> <path>`; another line belongs to a name. */
const LINE = /^([a-zA-Z-]+) +(\d+) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC (\w+) +(.*)$/s;

function normalised(line: string): string {
  const [, mode = '', size, time, objectId, path] = LINE.exec(line) ?? [];
  if (time === undefined) return line;
  const own = mode.startsWith('d') ? FOLDER : `${size} ${time}`;
  return `${mode.slice(-9)} ${own} ${objectId} ${path}`;
}

/** Kopia prints the sum of what is in a folder and the newest time below it, we the folder's own. */
const FOLDER = 'folder';

/** The entries of `drydock kopia ls --recursive`, as Kopia's lines. */
export function ourListing(entries: readonly OurEntry[]): Listing {
  return entries
    .flatMap(({ path, type, mode, sizeBytes, modifiedAt, objectId }) => {
      const time = modifiedAt.slice(0, 19).replace('T', ' ');
      const [own, end] = type === 'directory' ? [FOLDER, '/'] : [`${sizeBytes} ${time}`, ''];
      return `${letters(mode)} ${own} ${objectId} ${path}${end}`.split('\n');
    })
    .sort();
}

/** Go writes `drwxr-xr-x`; set-user-id and the like come first and are not compared. */
function letters(mode: string): string {
  const bits = Number.parseInt(mode, 8);
  return [...'rwxrwxrwx'].map((letter, at) => ((bits >> (8 - at)) & 1 ? letter : '-')).join('');
}
