import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { DIST, ROOT } from '../../infra/build/bundle.ts';
import { type PackageSize, packageAws, ZIP_BYTES_MAX } from '../../infra/build/package.ts';
import * as cfn from '../support/cloudformation.ts';
import { startLambda } from '../support/lambda-runtime.ts';
import { unzipped } from '../support/unzip.ts';

const SHARD = JSON.stringify({
  schema: 'drydock/shard/v1',
  job: 'verify',
  runId: 'run',
  location: 'primary',
  continuation: 0,
});

/** The template and the zips that a deployment would upload. */
let template: cfn.Template;
let zips: PackageSize[];

beforeAll(async () => {
  zips = await packageAws();
  const path = join(DIST, 'package/aws/cloudformation-template-update-stack.json');
  template = JSON.parse(readFileSync(path, 'utf8'));
});

const all = (type: string): [string, cfn.Properties][] => cfn.ofType(template, type);
const named = (type: string, name: string): cfn.Properties => {
  const found = all(type).find(([logicalName]) => logicalName === name);
  if (found === undefined) throw new Error(`no ${type} ${name}`);
  return found[1];
};
const trusted = (role: cfn.Properties): unknown[] =>
  cfn.list(cfn.at(role, 'AssumeRolePolicyDocument', 'Statement')).map((statement) => {
    expect(cfn.at(statement, 'Action')).toBe('sts:AssumeRole');
    return cfn.at(statement, 'Principal');
  });
const functions = (): [string, cfn.Properties][] => all('AWS::Lambda::Function');
/** Where a role may do something. */
const where = (role: cfn.Properties, action: string): string[] =>
  cfn
    .statementsOf(role)
    .filter((one) => cfn.actionsOf(one).includes(action))
    .flatMap(({ Resource }) => cfn.list(Resource).map(cfn.nameOf));
/** The mapping that feeds a function from a queue. */
const mappingOf = (name: string): cfn.Properties | undefined =>
  all('AWS::Lambda::EventSourceMapping').find(
    ([, mapping]) => cfn.nameOf(mapping['FunctionName']) === name,
  )?.[1];
const fedByQueue = (): [string, cfn.Properties][] =>
  functions().filter(([name]) => mappingOf(name) !== undefined);
const fedBySchedule = (): [string, cfn.Properties][] =>
  functions().filter(([name]) => mappingOf(name) === undefined);
/** The zip of a function, as the template names it. */
const zipOf = (properties: cfn.Properties): PackageSize | undefined => {
  const zip =
    String(cfn.at(properties, 'Code', 'S3Key'))
      .split('/')
      .at(-1) ?? '';
  return zips.find((one) => one.zip.endsWith(`/${zip}`));
};

describe('roles', () => {
  test('each function has its own, which trusts Lambda alone', () => {
    const roles = functions().map(([, properties]) => cfn.nameOf(properties['Role']));
    expect(new Set(roles).size).toBe(functions().length);
    for (const role of roles) {
      expect(trusted(named('AWS::IAM::Role', role))).toEqual([{ Service: 'lambda.amazonaws.com' }]);
    }
  });

  test('the one of a schedule trusts the scheduler alone and wakes its function alone', () => {
    for (const [, schedule] of all('AWS::Scheduler::Schedule')) {
      const role = named('AWS::IAM::Role', cfn.nameOf(cfn.at(schedule, 'Target', 'RoleArn')));
      expect(trusted(role)).toEqual([{ Service: 'scheduler.amazonaws.com' }]);
      const may = cfn.statementsOf(role).map(({ Action, Resource }) => [Action, Resource]);
      expect(may).toEqual([
        ['lambda:InvokeFunction', cfn.at(schedule, 'Target', 'Arn')],
        ['sqs:SendMessage', cfn.at(schedule, 'Target', 'DeadLetterConfig', 'Arn')],
      ]);
    }
  });

  test('no action and no resource is a wildcard, but for the calls that know no resource', () => {
    const statements = all('AWS::IAM::Role').flatMap(([, role]) => cfn.statementsOf(role));
    expect(statements.flatMap(cfn.actionsOf).filter((action) => action.includes('*'))).toEqual([]);
    const everywhere = statements.filter(({ Resource }) => cfn.list(Resource).includes('*'));
    const known = ['ec2:DescribeSnapshots', 'sts:GetWebIdentityToken'];
    expect([...new Set(everywhere.flatMap(cfn.actionsOf))].sort()).toEqual(known);
    const identifying = everywhere.filter((one) => cfn.actionsOf(one).includes(known[1] ?? ''));
    for (const { Condition } of identifying)
      expect(Condition).toMatchObject({
        'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': 'api://AzureADTokenExchange' },
        Null: { 'sts:IdentityTokenAudience': 'false' },
        StringEquals: { 'sts:SigningAlgorithm': 'RS256' },
      });
  });

  test('the source is only read, and of the replica only kopia.blobcfg is removed', () => {
    const statements = cfn.statementsOf(named('AWS::IAM::Role', 'ReplicateRole'));
    const reaching = (text: string): string[][] =>
      statements
        .filter(({ Resource }) => cfn.list(Resource).some((one) => cfn.nameOf(one).includes(text)))
        .map((statement) => [...cfn.actionsOf(statement)]);
    expect(reaching('drydock-source')).toEqual([['s3:ListBucket'], ['s3:GetObject']]);
    const removing = statements.filter((one) => cfn.actionsOf(one).includes('s3:DeleteObject'));
    expect(removing.map(({ Resource }) => cfn.nameOf(Resource))).toEqual([
      `arn:\${AWS::Partition}:s3:::drydock-replica/*kopia.blobcfg`,
      `arn:\${AWS::Partition}:s3:::drydock-state/*`,
    ]);
  });

  test('the function that verifies changes nothing but the state', () => {
    const statements = cfn.statementsOf(named('AWS::IAM::Role', 'WorkerRole'));
    const changing = /:(Put|Delete|Abort|Create|Modify|Restore|Write)/;
    const buckets = statements
      .filter((one) => cfn.actionsOf(one).some((action) => /^s3:/.test(action)))
      .filter((one) => cfn.actionsOf(one).some((action) => changing.test(action)))
      .flatMap(({ Resource }) => cfn.list(Resource).map(cfn.nameOf));
    expect(buckets).toEqual([`arn:\${AWS::Partition}:s3:::drydock-state/*`]);
    const others = statements
      .flatMap(cfn.actionsOf)
      .filter((action) => !action.startsWith('s3:') && changing.test(action));
    expect(others.sort()).toEqual([
      'events:PutEvents',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'sqs:DeleteMessage',
    ]);
  });

  test('the function that verifies may ask for every setting that it asks for', () => {
    const source = readFileSync(join(ROOT, 'shared/stores/s3-settings.ts'), 'utf8');
    const asked = [...source.matchAll(/action: '(s3:\w+)'/g)].map(([, action]) => action);
    expect(asked.length).toBeGreaterThan(3);
    const may = cfn.statementsOf(named('AWS::IAM::Role', 'WorkerRole')).flatMap(cfn.actionsOf);
    const others = ['ec2:DescribeSnapshots', 'eks:DescribeCluster', 'kms:DescribeKey', 'kms:Sign'];
    expect(may).toEqual(expect.arrayContaining([...asked, ...others]));
  });

  test('every function may read the configuration, wherever below the bucket the state is', () => {
    for (const [, properties] of functions()) {
      const role = named('AWS::IAM::Role', cfn.nameOf(properties['Role']));
      expect(where(role, 's3:GetObject')).toContain(
        `arn:\${AWS::Partition}:s3:::drydock-state/*.yaml`,
      );
    }
  });

  test('those that reach backups may take the role that is meant for it, and no other one', () => {
    const taking = all('AWS::IAM::Role').flatMap(([name, role]) =>
      where(role, 'sts:AssumeRole').map((one) => [name, one]),
    );
    const none = 'arn:aws:iam::000000000000:role/none';
    expect(taking).toEqual(['ReplicateRole', 'WorkerRole'].map((name) => [name, none]));
  });

  test('those that only send shards reach no backup', () => {
    for (const name of ['VerifyRole', 'VerifyOnEventRole']) {
      const statements = cfn.statementsOf(named('AWS::IAM::Role', name));
      const objects = statements.filter((one) => cfn.actionsOf(one).some((a) => /^s3:/.test(a)));
      expect(objects.map(({ Action, Resource }) => [Action, cfn.nameOf(Resource)])).toEqual([
        ['s3:GetObject', `arn:\${AWS::Partition}:s3:::drydock-state/*.yaml`],
      ]);
    }
  });

  test('each function may write to its own log', () => {
    for (const [name, properties] of functions()) {
      const role = named('AWS::IAM::Role', cfn.nameOf(properties['Role']));
      expect(where(role, 'logs:PutLogEvents')).toEqual([
        name.replace(/LambdaFunction$/, 'LogGroup'),
      ]);
    }
  });

  test('messages are sent to the queues that are meant, and summaries to the bus', () => {
    const may = (role: string, action: string) => where(named('AWS::IAM::Role', role), action);
    expect(may('ReplicateRole', 'sqs:SendMessage')).toEqual(['FailureQueue']);
    expect(may('VerifyRole', 'sqs:SendMessage')).toEqual(['WorkQueue', 'FailureQueue']);
    expect(may('VerifyOnEventRole', 'sqs:SendMessage')).toEqual(['WorkQueue']);
    expect(may('VerifyOnEventRole', 'sqs:ReceiveMessage')).toEqual(['EventQueue']);
    expect(may('WorkerRole', 'sqs:SendMessage')).toEqual(['WorkQueue']);
    expect(may('WorkerRole', 'sqs:ReceiveMessage')).toEqual(['WorkQueue']);
    for (const role of ['ReplicateRole', 'WorkerRole']) {
      expect(may(role, 'events:PutEvents')).toEqual([
        expect.stringMatching(/:event-bus\/default$/),
      ]);
    }
  });
});

describe('each function', () => {
  test('is Node 24 on arm64 within the limits of Lambda; what a schedule wakes is one at a time', () => {
    expect(fedBySchedule().length).toBeGreaterThan(1);
    for (const [, properties] of functions()) {
      expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(properties['Timeout']).toBeLessThanOrEqual(900);
    }
    for (const [, one] of fedBySchedule()) expect(one['ReservedConcurrentExecutions']).toBe(1);
  });

  test('that a queue feeds has few at once, and time to work before a message comes again', () => {
    expect(fedByQueue().length).toBeGreaterThan(1);
    for (const [name, properties] of fedByQueue()) {
      const mapping = mappingOf(name);
      expect(mapping?.['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures']);
      // Fewer than 2 SQS does not take; a reserve would throttle and use up the messages' chances.
      expect(cfn.at(mapping, 'ScalingConfig', 'MaximumConcurrency')).toBeGreaterThanOrEqual(2);
      expect(properties['ReservedConcurrentExecutions']).toBeUndefined();
      const queue = named('AWS::SQS::Queue', cfn.nameOf(mapping?.['EventSourceArn']));
      expect(queue['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * Number(properties['Timeout']));
      expect(cfn.nameOf(cfn.at(queue, 'RedrivePolicy', 'deadLetterTargetArn'))).toBe(
        'FailureQueue',
      );
      expect(cfn.at(queue, 'RedrivePolicy', 'maxReceiveCount')).toBeGreaterThanOrEqual(3);
    }
  });

  test('of verify knows the queue that the worker is fed from', () => {
    const worker = mappingOf('WorkerLambdaFunction');
    for (const name of ['Verify', 'VerifyOnEvent', 'Worker']) {
      const { Environment } = named('AWS::Lambda::Function', `${name}LambdaFunction`);
      const url = cfn.at(Environment, 'Variables', 'DRYDOCK_QUEUE_URL');
      expect(cfn.nameOf(url)).toBe(cfn.nameOf(worker?.['EventSourceArn']));
    }
  });

  test('finds its handler in its zip, which keeps to the budget', () => {
    for (const [, properties] of functions()) {
      const size = zipOf(properties);
      expect(size?.sizeBytes).toBeLessThanOrEqual(ZIP_BYTES_MAX);
      const [module, name] = String(properties['Handler']).split('.');
      const files = unzipSync(readFileSync(size?.zip ?? ''));
      expect(Object.keys(files)).toContain(`${module}.mjs`);
      expect(Object.keys(files).filter((path) => path.includes('node_modules'))).toEqual([]);
      expect(new TextDecoder().decode(files[`${module}.mjs`])).toMatch(
        new RegExp(`export\\s*\\{[^}]*\\b${name}\\b`),
      );
      expect(existsSync(join(DIST, '..', `${module}.mjs`))).toBe(true);
    }
  });

  test('runs from what its zip unpacks to, and asks for its configuration', async () => {
    for (const [, properties] of functions()) {
      const handler = String(properties['Handler']);
      const taskRoot = unzipped(zipOf(properties)?.zip ?? '');
      const lambda = await startLambda({ taskRoot, handler, timeoutMs: 30_000, env: {} });
      try {
        expect(await lambda.invoke({ Records: [{ messageId: 'one', body: SHARD }] })).toMatchObject(
          {
            kind: 'error',
            error: { errorMessage: expect.stringContaining('DRYDOCK_CONFIG is not set') },
          },
        );
      } finally {
        await lambda.close();
        rmSync(taskRoot, { recursive: true });
      }
    }
  });

  test('keeps its log for a set time', () => {
    const groups = all('AWS::Logs::LogGroup').map(([, group]) => group);
    for (const [, properties] of functions()) {
      const name = `/aws/lambda/${properties['FunctionName']}`;
      const group = groups.find((one) => one['LogGroupName'] === name);
      expect(group?.['RetentionInDays']).toBeGreaterThan(0);
    }
  });

  test('that a schedule wakes hands what failed twice to a queue', () => {
    for (const [name] of fedBySchedule()) {
      const [, config] =
        all('AWS::Lambda::EventInvokeConfig').find(
          ([, one]) => cfn.nameOf(one['FunctionName']) === name,
        ) ?? [];
      expect(config).toMatchObject({ MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 3600 });
      const queue = cfn.at(config, 'DestinationConfig', 'OnFailure', 'Destination');
      expect(named('AWS::SQS::Queue', cfn.nameOf(queue))).toBeDefined();
    }
  });

  test('is fed by a queue, or woken by a schedule with retries and a queue for the undelivered', () => {
    const targets = all('AWS::Scheduler::Schedule').map(([, one]) => cfn.at(one, 'Target'));
    const woken = targets.map((target) => cfn.nameOf(cfn.at(target, 'Arn')));
    expect(woken.sort()).toEqual(
      fedBySchedule()
        .map(([name]) => name)
        .sort(),
    );
    for (const target of targets) {
      expect(cfn.at(target, 'RetryPolicy', 'MaximumEventAgeInSeconds')).toBe(3600);
      const queue = cfn.nameOf(cfn.at(target, 'DeadLetterConfig', 'Arn'));
      expect(named('AWS::SQS::Queue', queue)['SqsManagedSseEnabled']).toBe(true);
    }
  });

  test('calls somebody when it fails, and when it does not run at all', () => {
    const alarms = all('AWS::CloudWatch::Alarm').map(([, alarm]) => alarm);
    for (const [name] of functions()) {
      const own = alarms.filter((alarm) =>
        cfn
          .list(alarm['Dimensions'])
          .some((dimension) => cfn.at(dimension, 'Value', 'Ref') === name),
      );
      expect(own.map((alarm) => alarm['MetricName'])).toContain('Errors');
      // Backups may be days apart: for this one an old event that nobody took is the sign.
      if (name === 'VerifyOnEventLambdaFunction') continue;
      expect(own).toContainEqual(
        expect.objectContaining({
          MetricName: 'Invocations',
          Statistic: 'Sum',
          ComparisonOperator: 'LessThanThreshold',
          Threshold: 1,
          TreatMissingData: 'breaching',
        }),
      );
    }
    for (const alarm of alarms) expect(alarm['AlarmActions']).toEqual([{ Ref: 'AlarmTopic' }]);
  });
});

describe('queues', () => {
  const policyOf = (queue: string): cfn.Statement[] => {
    const policies = all('AWS::SQS::QueuePolicy').map(([, policy]) => policy);
    const own = policies.find((policy) =>
      cfn.list(policy['Queues']).map(cfn.nameOf).includes(queue),
    );
    return cfn.at(own, 'PolicyDocument', 'Statement') as cfn.Statement[];
  };

  test('take messages of services for what is named alone, and everything over TLS', () => {
    for (const [name] of all('AWS::SQS::Queue')) {
      const statements = policyOf(name);
      for (const allow of statements.filter(({ Effect }) => Effect === 'Allow')) {
        const [type] =
          cfn.at(allow.Principal, 'Service') === 'scheduler.amazonaws.com'
            ? ['AWS::Scheduler::Schedule']
            : ['AWS::Events::Rule'];
        const sources = cfn.list(cfn.at(allow, 'Condition', 'ArnEquals', 'aws:SourceArn'));
        expect(sources.length).toBeGreaterThan(0);
        for (const source of sources) expect(named(type ?? '', cfn.nameOf(source))).toBeDefined();
      }
      expect(statements.find(({ Effect }) => Effect === 'Deny')).toMatchObject({
        Principal: '*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
    }
  });

  test('may be sent to by every schedule and rule that has them as a target', () => {
    const mayFrom = (queue: string): string[] =>
      policyOf(queue).flatMap((one) =>
        cfn.list(cfn.at(one, 'Condition', 'ArnEquals', 'aws:SourceArn')).map(cfn.nameOf),
      );
    for (const [name, schedule] of all('AWS::Scheduler::Schedule')) {
      expect(mayFrom(cfn.nameOf(cfn.at(schedule, 'Target', 'DeadLetterConfig', 'Arn')))).toContain(
        name,
      );
    }
    for (const [name, rule] of all('AWS::Events::Rule')) {
      for (const target of cfn.list(rule['Targets'])) {
        expect(mayFrom(cfn.nameOf(cfn.at(target, 'Arn')))).toContain(name);
        expect(mayFrom(cfn.nameOf(cfn.at(target, 'DeadLetterConfig', 'Arn')))).toContain(name);
      }
    }
  });

  test('raise an alarm: over one failure, and over work that nobody takes', () => {
    const alarms = all('AWS::CloudWatch::Alarm').map(([, alarm]) => alarm);
    for (const [name] of all('AWS::SQS::Queue')) {
      const own = alarms.filter(
        (alarm) => cfn.nameOf(cfn.at(alarm, 'Dimensions', 0, 'Value')) === name,
      );
      const metric =
        name === 'FailureQueue'
          ? 'ApproximateNumberOfMessagesVisible'
          : 'ApproximateAgeOfOldestMessage';
      expect(own.map((alarm) => alarm['MetricName'])).toEqual([metric]);
    }
  });
});

describe('the rule for events of the buckets', () => {
  test('takes the metadata of backups in both buckets, and nothing else', () => {
    const [[, rule] = []] = all('AWS::Events::Rule');
    expect(rule?.['EventPattern']).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        bucket: { name: ['drydock-source', 'drydock-replica'] },
        object: { key: [{ suffix: '/velero-backup.json' }] },
      },
    });
  });
});
