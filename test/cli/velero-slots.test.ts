import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { fakeClock } from '../support/clock.ts';
import { type FakeApiServer, refused, startFakeApiServer } from '../support/fake-api-server.ts';
import { LOOKED_AT, realAnswers, serving } from '../velero/cluster/world.ts';
import { folder } from './drydock.ts';
import { type FixtureFolder, fixtureFolder, inProcess } from './kopia-run.ts';
import { published } from './published.ts';

const CANARY = 'kubeconfig-canary';

let world: FixtureFolder;
let root: string;
let server: FakeApiServer;
let kubeconfig: string;

beforeAll(async () => {
  world = await fixtureFolder('velero/v1.18.2', false);
  root = `${world.root}/prod`;
  server = await startFakeApiServer();
  kubeconfig = join(dirname(world.folder), 'kubeconfig');
  await writeFile(kubeconfig, stringify(kubeconfigOf(server)));
});

afterAll(async () => {
  await server.close();
  await rm(dirname(world.folder), { recursive: true });
});

function kubeconfigOf({ url, authority }: FakeApiServer): object {
  const ca = Buffer.from(authority.certificate).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'me', user: { token: CANARY } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'me' } }],
    'current-context': 'lab',
  };
}

async function configured(verify: string, location = ''): Promise<string> {
  const cwd = await folder({
    'drydock.yaml': `version: 1
clusters:
  lab: { kubeconfig: { path: ${kubeconfig} } }
locations:
  prod: { url: ${root}${location} }
${verify}`,
  });
  return join(cwd, 'drydock.yaml');
}

function slots(...args: readonly string[]) {
  return slotsAt(LOOKED_AT, ...args);
}

function slotsAt(now: Date, ...args: readonly string[]) {
  return inProcess(['velero', 'slots', ...args], { clock: fakeClock(now) });
}

const SCHEDULE =
  'verify: { schedules: [{ name: frequent, location: prod, cron: "*/2 * * * *" }] }\n';

describe('drydock velero slots', () => {
  test('sets the schedules of a cluster against the backups of the store', async () => {
    server.answer(serving(realAnswers()));
    const { code, stdout, stderr } = await slots(root, '--kubeconfig', kubeconfig);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Schedules of context "lab".*, slots since 2026-11-14T10:57:00Z$/m);
    expect(stdout).toMatch(/^frequent: \*\/2 \* \* \* \*, paused$/m);
    expect(stdout).toMatch(/^2026-11-21T10:56:00Z +met +frequent-20261121105615 +15 s$/m);
    expect(stdout).toContain('warning SCHEDULE_PAUSED');
    expect(stdout).toMatch(/\n1 schedule, \d+ slots?: .*\d met.*; \d+ backups outside of them\n$/);
    expect(stdout).not.toContain(CANARY);
  });

  test('as JSON is what its schema says', async () => {
    server.answer(serving(realAnswers()));
    const args = ['--cluster', 'lab', '-c', await configured(''), '-o', 'json'];
    const { stdout } = await slots('prod', ...args);
    expect(published('velero-slots', stdout)).toMatchObject({
      schema: 'drydock/velero-slots/v1',
      location: root,
      from: 'cluster',
      serverVersion: 'v1.18.2',
      at: LOOKED_AT.toISOString(),
      schedules: [{ name: 'frequent', expression: '*/2 * * * *', isPaused: true }],
    });
    expect(stdout).not.toContain(CANARY);
  });

  test('goes by the configuration where no cluster is named', async () => {
    const { code, stdout } = await slots('prod', '-c', await configured(SCHEDULE), '--days', '1');
    expect(code).toBe(0);
    expect(stdout).toContain('"verify.schedules" of the configuration');
    expect(stdout).toMatch(/^2026-11-21T10:56:00Z +met +frequent-20261121105615/m);
    const missed = SCHEDULE.replace('*/2', '*');
    const evening = new Date('2026-11-21T18:00:00Z');
    const every = await slotsAt(evening, 'prod', '-c', await configured(missed), '-o', 'json');
    expect(every.code).toBe(1);
    const { from, schedules } = published('velero-slots', every.stdout);
    expect(from).toBe('configuration');
    const [{ slots: judged }] = schedules as [{ readonly slots: readonly object[] }];
    expect(judged).toContainEqual({
      due: '2026-11-21T10:55:00.000Z',
      verdict: 'missed',
      reason: 'no backup',
    });
  });

  test('shows of many slots of which there is the same to say the first and the last', async () => {
    const evening = new Date('2026-11-21T18:00:00Z');
    const { stdout } = await slotsAt(evening, 'prod', '-c', await configured(SCHEDULE));
    expect(stdout).toMatch(
      /^2026-11-21T10:58:00Z +missed .*no backup\n\.{3} +\d\d more\n2026-11-21T13:\d\d:00Z +missed /m,
    );
    expect(stdout.match(/^2026.* (?:missed|pending) /gm)?.length).toBeLessThan(8);
  });

  test("goes by the configuration, and says so, where the location's cluster does not tell", async () => {
    server.answer(() => refused(403, 'Forbidden'));
    const config = await configured(SCHEDULE, ', cluster: lab');
    const { code, stdout, stderr } = await slots('prod', '-c', config);
    expect(code).toBe(0);
    expect(stdout).toContain('"verify.schedules" of the configuration');
    expect(stderr).toContain('warning Cannot ask the cluster "lab"');
    expect(stderr).not.toContain(CANARY);
    // Who names a cluster wants to hear that one.
    const named = await slots('prod', '-c', config, '--cluster', 'lab');
    expect(named).toMatchObject({ code: 3, stdout: '' });
    expect(named.stderr).toContain('error CLUSTER_UNREACHABLE: Cannot ask the cluster "lab"');
    const without = await slots('prod', '-c', await configured('', ', cluster: lab'));
    expect(without).toMatchObject({ code: 3, stdout: '' });
  });

  test.each([
    [['--cluster', 'lba'], 'CLUSTER_UNKNOWN', 'Did you mean "lab"?'],
    [['--cluster', 'lab', '--context', 'lab'], 'CLUSTER_TWICE', 'in one way'],
    [[], 'SCHEDULES_UNKNOWN', 'Ask a cluster with --context'],
    [['--days', '0'], 'OPTION_INVALID', 'a number from 1 to 366'],
  ])('refuses %j by %s', async (args, errorCode, hint) => {
    const { code, stdout, stderr } = await slots('prod', '-c', await configured(''), ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error ${errorCode}: `));
    expect(stderr.split('\nhint: ')[1]).toContain(hint);
  });

  test('refuses a cluster whose Velero writes elsewhere', async () => {
    const answers = realAnswers();
    const locations = '/apis/velero.io/v1/namespaces/velero/backupstoragelocations';
    answers.set(locations, []);
    server.answer(serving(answers));
    const { code, stderr } = await slots(root, '--kubeconfig', kubeconfig);
    expect(code).toBe(2);
    expect(stderr).toContain('error LOCATION_NOT_OF_CLUSTER: ');
  });
});
