import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { DIST } from '../../infra/build/bundle.ts';
import { type PackageSize, packageAws, ZIP_BYTES_MAX } from '../../infra/build/package.ts';
import * as cfn from '../support/cloudformation.ts';
import { startLambda } from '../support/lambda-runtime.ts';
import { unzipped } from '../support/unzip.ts';

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

  test('no action and no resource is a wildcard, but for the call that knows no resource', () => {
    const statements = all('AWS::IAM::Role').flatMap(([, role]) => cfn.statementsOf(role));
    expect(statements.flatMap(cfn.actionsOf).filter((action) => action.includes('*'))).toEqual([]);
    const everywhere = statements.filter(({ Resource }) => cfn.list(Resource).includes('*'));
    expect(everywhere.map(({ Action }) => Action)).toEqual(['sts:GetWebIdentityToken']);
    expect(everywhere[0]?.Condition).toMatchObject({
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

  test('each function may write to its log, to its failure queue and to the bus', () => {
    const statements = cfn.statementsOf(named('AWS::IAM::Role', 'ReplicateRole'));
    const where = (action: string): unknown[] =>
      statements
        .filter((one) => cfn.actionsOf(one).includes(action))
        .map(({ Resource }) => cfn.nameOf(Resource));
    expect(where('logs:PutLogEvents')).toEqual(['ReplicateLogGroup']);
    expect(where('sqs:SendMessage')).toEqual(['FailureQueue']);
    expect(where('events:PutEvents')).toEqual([expect.stringMatching(/:event-bus\/default$/)]);
  });
});

describe('each function', () => {
  test('is Node 24 on arm64, one at a time, within the limits of Lambda', () => {
    expect(functions().length).toBeGreaterThan(0);
    for (const [, properties] of functions()) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        ReservedConcurrentExecutions: 1,
      });
      expect(properties['Timeout']).toBeLessThanOrEqual(900);
    }
  });

  test('finds its handler in its zip, which keeps to the budget', () => {
    for (const [, properties] of functions()) {
      const zip =
        String(cfn.at(properties, 'Code', 'S3Key'))
          .split('/')
          .at(-1) ?? '';
      const size = zips.find((one) => one.zip.endsWith(`/${zip}`));
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
      const zip = zips.find((one) => one.zip.includes(`/${handler.split('/').at(-2)}.zip`));
      const taskRoot = unzipped(zip?.zip ?? '');
      const lambda = await startLambda({ taskRoot, handler, timeoutMs: 30_000, env: {} });
      try {
        expect(await lambda.invoke({})).toMatchObject({
          kind: 'error',
          error: { errorMessage: expect.stringContaining('DRYDOCK_CONFIG is not set') },
        });
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

  test('hands what failed twice to a queue', () => {
    for (const [name] of functions()) {
      const [, config] =
        all('AWS::Lambda::EventInvokeConfig').find(
          ([, one]) => cfn.nameOf(one['FunctionName']) === name,
        ) ?? [];
      expect(config).toMatchObject({ MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 3600 });
      const queue = cfn.at(config, 'DestinationConfig', 'OnFailure', 'Destination');
      expect(named('AWS::SQS::Queue', cfn.nameOf(queue))).toBeDefined();
    }
  });

  test('is woken by a schedule with retries and a queue for what could not be delivered', () => {
    const targets = all('AWS::Scheduler::Schedule').map(([, one]) => cfn.at(one, 'Target'));
    const woken = targets.map((target) => cfn.nameOf(cfn.at(target, 'Arn')));
    expect(woken.sort()).toEqual(
      functions()
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
      expect(own).toContainEqual(
        expect.objectContaining({
          MetricName: 'Invocations',
          Statistic: 'Sum',
          ComparisonOperator: 'LessThanThreshold',
          Threshold: 1,
          TreatMissingData: 'breaching',
        }),
      );
      expect(own.map((alarm) => alarm['MetricName'])).toContain('Errors');
    }
    for (const alarm of alarms) expect(alarm['AlarmActions']).toEqual([{ Ref: 'AlarmTopic' }]);
  });
});

describe('queues', () => {
  test('take messages from the schedule that is named, over TLS, and raise an alarm', () => {
    const alarms = all('AWS::CloudWatch::Alarm').map(([, alarm]) => alarm);
    for (const [name] of all('AWS::SQS::Queue')) {
      const policies = all('AWS::SQS::QueuePolicy').map(([, policy]) => policy);
      const own = policies.find((policy) =>
        cfn.list(policy['Queues']).map(cfn.nameOf).includes(name),
      );
      const [allow, deny] = cfn.at(own, 'PolicyDocument', 'Statement') as cfn.Statement[];
      const source = cfn.nameOf(cfn.at(allow, 'Condition', 'ArnEquals', 'aws:SourceArn'));
      expect(named('AWS::Scheduler::Schedule', source)).toBeDefined();
      expect(deny).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      const depth = alarms.find(
        (alarm) => cfn.nameOf(cfn.at(alarm, 'Dimensions', 0, 'Value')) === name,
      );
      expect(depth?.['MetricName']).toBe('ApproximateNumberOfMessagesVisible');
    }
  });
});
