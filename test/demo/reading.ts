import { count, size } from '../../functions/cli/terminal.ts';
import type { SnapshotVerdict } from '../../shared/kopia/verification.ts';
import type { Report } from '../../shared/model/report.ts';
import { isPack, type Seen } from './look.ts';
import type { Stage } from './stage.ts';
import { REPLICA, SECOND, show } from './steps.ts';
import { good, heading, note, promise, type StepResult } from './story.ts';

/** As much of the JSON of `drydock kopia` as the demo looks at. */
interface Listed {
  readonly repositories: readonly { readonly snapshots: readonly { readonly id: string }[] }[];
}
interface Verified extends Report {
  readonly repositories: readonly { readonly snapshots: readonly SnapshotVerdict[] }[];
}

/** What the real Kopia said is in the repositories, at production. */
function snapshotsByKopia({ fixture }: Stage): readonly string[] {
  return fixture.meta.repositories.flatMap(({ readers }) => {
    const answers = readers[0]?.answers;
    if (answers === undefined) return [];
    return (fixture.answer(answers, 'snapshots') as { id: string }[]).map(({ id }) => id);
  });
}

export async function showReading(stage: Stage): Promise<StepResult> {
  heading(
    'Open the replica, without Kopia',
    'Which snapshots does it hold, and does every byte decrypt to what its hash says?',
  );
  const replica = stage.blobUrl(REPLICA);
  await show(stage, ['kopia', 'snapshots', replica]);
  const listed = await asJson<Listed>(stage, ['kopia', 'snapshots', replica, '--all']);
  const ids = listed.repositories.flatMap(({ snapshots }) => snapshots.map(({ id }) => id));
  const expected = snapshotsByKopia(stage);
  promise(ids.length > 0, 'the replica holds no snapshots');
  promise(`${[...ids].sort()}` === `${[...expected].sort()}`, 'Kopia knows other snapshots');
  good(`${count(ids.length, 'snapshot')}, those that Kopia lists`);
  const args = ['kopia', 'verify', replica, '--level', 'content'];
  const run = await show(stage, args);
  const { verdicts, measures } = await asJson<Verified>(stage, args);
  promise(
    verdicts.every(({ kind }) => kind === 'verified'),
    'not every repository is verified',
  );
  const { packsRead = 0, sizeBytesRead = 0 } = measures;
  promise(packsRead > 0, 'no pack was read');
  good(`${count(packsRead, 'pack')}, ${size(sizeBytesRead)}: every byte decrypted and re-hashed`);
  const { seconds } = run;
  const step = 'verify the replica';
  return {
    step,
    objects: packsRead,
    sizeBytes: sizeBytesRead,
    seconds,
    outcome: 'every byte proven',
  };
}

export async function showDamage(
  stage: Stage,
  replica: ReadonlyMap<string, Seen>,
): Promise<StepResult> {
  heading(
    'Lose one blob',
    'Somebody deletes a pack of the second replica. All backups are still listed: what is lost?',
  );
  const packs = [...replica].filter(
    ([key]) => isPack(key, stage.root) && key.slice(key.lastIndexOf('/') + 1).startsWith('p'),
  );
  const [lost, { sizeBytes }] = packs.sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes)[0] ?? [
    '',
    { sizeBytes: 0 },
  ];
  await stage.azurite.container(SECOND).deleteBlob(lost);
  note(`deleted ${lost}`);
  const args = ['kopia', 'verify', stage.blobUrl(SECOND)];
  const run = await show(stage, args, undefined, 1);
  const { findings, repositories } = await asJson<Verified>(stage, args, 1);
  const missing = findings.filter(({ code }) => code === 'KOPIA_PACK_MISSING');
  const pack = lost.slice(lost.lastIndexOf('/') + 1);
  promise(missing.length === 1, `${missing.length} packs are told to be missing`);
  promise(missing[0]?.evidence?.['packBlob'] === pack, 'another pack is told to be missing');
  const harmed = repositories
    .flatMap(({ snapshots }) => snapshots)
    .filter(({ filesLost }) => filesLost > 0);
  promise(harmed.length > 0, 'no snapshot is told to be harmed');
  const files = harmed.reduce((sum, { filesLost }) => sum + filesLost, 0);
  good(`named with its cost: ${count(files, 'file')} in ${count(harmed.length, 'snapshot')}`);
  const outcome = 'told, with what it costs';
  return { step: 'lose one blob', objects: 1, sizeBytes, seconds: run.seconds, outcome };
}

async function asJson<T>(stage: Stage, args: readonly string[], code = 0): Promise<T> {
  const run = await stage.run([...args, '--output', 'json'], { output: 'take' });
  promise(run.code === code, `the command as JSON ended with exit code ${run.code}`);
  return JSON.parse(run.stdout) as T;
}
