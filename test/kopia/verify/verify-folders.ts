/**
 * Verifies repositories in folders, one after the other, and prints what came of each and how much
 * memory the process has held at most so far, as one line of JSON each:
 *
 *     node verify-folders.ts <folder> <password> [<folder> <password> ...]
 */
import { verifyRepository } from '../../../shared/kopia/verification.ts';
import { DrydockError } from '../../../shared/model/errors.ts';
import { fileStore } from '../../../shared/stores/file.ts';
import { NOW } from '../verified.ts';

const args = process.argv.slice(2);
for (let at = 0; at + 1 < args.length; at += 2) {
  const [folder = '', password = ''] = args.slice(at);
  const told = await verifyRepository(fileStore({ path: folder }), '', password, {
    level: 'content',
    now: NOW,
  }).then(
    ({ verdict }) => verdict.kind,
    (error: unknown) => {
      if (error instanceof DrydockError) return error.code;
      throw error;
    },
  );
  const peakSizeBytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ folder, told, peakSizeBytes }));
}
