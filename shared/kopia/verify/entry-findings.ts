import { type Finding, finding } from '../../model/finding.ts';
import { counted } from './damaged-packs.ts';
import type { Found } from './run.ts';

/** What is odd about entries of directories, and loses nothing by itself. */
export function entryFindings(
  url: string,
  { sizesDiffer, namesTwice }: Pick<Found, 'sizesDiffer' | 'namesTwice'>,
): readonly Finding[] {
  const sizes = `${counted(sizesDiffer.count, 'file')} of another size than the directory says`;
  const names = `${counted(namesTwice.count, 'name')} that another entry of the directory has too`;
  return [
    ...(sizesDiffer.count === 0
      ? []
      : [
          finding('KOPIA_FILE_SIZE_DIFFERS', url, `Directories list ${sizes}`, {
            evidence: { files: sizesDiffer.examples },
          }),
        ]),
    ...(namesTwice.count === 0
      ? []
      : [
          finding('KOPIA_NAME_TWICE', url, `Directories list ${names}`, {
            evidence: { names: namesTwice.examples },
          }),
        ]),
  ];
}
