import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type HclBlock, type HclBody, parseHcl } from '../support/hcl.ts';

const infra = join(import.meta.dirname, '../../infra');

function module(name: string): HclBody[] {
  return globSync('*.tf', { cwd: join(infra, name) }).map((file) =>
    parseHcl(readFileSync(join(infra, name, file), 'utf8')),
  );
}

function find(bodies: readonly HclBody[], type: string, ...labels: string[]): HclBlock {
  const blocks = bodies.flatMap((body) => body.blocks).filter((block) => block.type === type);
  const found = blocks.find((block) => labels.every((label, at) => block.labels[at] === label));
  if (found === undefined) throw new Error(`no ${type} ${labels.join(' ')}`);
  return found;
}

/** The blocks below `block` along `path`. */
function below(block: HclBlock, ...path: string[]): HclBlock[] {
  return path.reduce<HclBlock[]>(
    (blocks, type) => blocks.flatMap((one) => one.blocks.filter((child) => child.type === type)),
    [block],
  );
}

const values = (block: HclBlock): Record<string, string> => Object.fromEntries(block.attributes);

const isKept = (block: HclBlock): boolean =>
  below(block, 'lifecycle').some((one) => one.attributes.get('prevent_destroy') === 'true');

describe('the replica bucket', () => {
  const aws = module('aws');
  const resource = (type: string): HclBlock => find(aws, 'resource', type, 'replica');

  test('is versioned', () => {
    const [versioning] = below(resource('aws_s3_bucket_versioning'), 'versioning_configuration');
    expect(versioning?.attributes.get('status')).toBe('"Enabled"');
  });

  test('is open to nobody', () => {
    expect(values(resource('aws_s3_bucket_public_access_block'))).toMatchObject({
      block_public_acls: 'true',
      block_public_policy: 'true',
      ignore_public_acls: 'true',
      restrict_public_buckets: 'true',
    });
    const [ownership] = below(resource('aws_s3_bucket_ownership_controls'), 'rule');
    expect(ownership?.attributes.get('object_ownership')).toBe('"BucketOwnerEnforced"');
  });

  test('refuses everything without TLS 1.2', () => {
    const statements = below(find(aws, 'data', 'aws_iam_policy_document', 'replica'), 'statement');
    expect(statements.map((one) => one.attributes.get('effect'))).toEqual(['"Deny"', '"Deny"']);
    expect(statements.map((one) => one.attributes.get('actions'))).toEqual([
      '["s3:*"]',
      '["s3:*"]',
    ]);
    expect(statements.flatMap((one) => below(one, 'condition')).map(values)).toEqual([
      { test: '"Bool"', variable: '"aws:SecureTransport"', values: '["false"]' },
      { test: '"NumericLessThan"', variable: '"s3:TlsVersion"', values: '["1.2"]' },
    ]);
    const policy = resource('aws_s3_bucket_policy').attributes.get('policy');
    expect(policy).toBe('data.aws_iam_policy_document.replica.json');
  });

  test('takes a key of the user as an option', () => {
    const path = ['rule', 'apply_server_side_encryption_by_default'];
    const [key] = below(resource('aws_s3_bucket_server_side_encryption_configuration'), ...path);
    expect(key?.attributes.get('kms_master_key_id')).toBe('var.kms_key_arn');
    expect(find(aws, 'variable', 'kms_key_arn').attributes.get('default')).toBe('null');
  });

  test('expires noncurrent versions after 180 days and leaves current objects alone', () => {
    const rules = below(resource('aws_s3_bucket_lifecycle_configuration'), 'rule');
    expect(rules.flatMap((rule) => rule.blocks.map((block) => block.type)).sort()).toEqual([
      'abort_incomplete_multipart_upload',
      'filter',
      'noncurrent_version_expiration',
    ]);
    const [expiration] = rules.flatMap((rule) => below(rule, 'noncurrent_version_expiration'));
    expect(expiration?.attributes.get('noncurrent_days')).toBe('var.noncurrent_days');
    expect(find(aws, 'variable', 'noncurrent_days').attributes.get('default')).toBe('180');
  });

  test('is kept when the rest is removed', () => {
    expect(isKept(resource('aws_s3_bucket'))).toBe(true);
    expect(isKept(resource('aws_s3_bucket_versioning'))).toBe(true);
    expect(resource('aws_s3_bucket').attributes.get('force_destroy')).toBe('false');
  });

  test('tells EventBridge of its changes', () => {
    expect(resource('aws_s3_bucket_notification').attributes.get('eventbridge')).toBe('true');
  });
});

describe('the replica container', () => {
  const azure = module('azure');
  const resource = (type: string): HclBlock => find(azure, 'resource', type, 'replica');
  const account = resource('azurerm_storage_account');

  test('is versioned, and what is deleted can be brought back', () => {
    const [properties] = below(account, 'blob_properties');
    expect(properties?.attributes.get('versioning_enabled')).toBe('true');
    const kept = ['delete_retention_policy', 'container_delete_retention_policy'].flatMap((type) =>
      below(account, 'blob_properties', type).map((block) => block.attributes.get('days')),
    );
    expect(kept).toEqual(['var.noncurrent_days', 'var.noncurrent_days']);
  });

  test('speaks TLS 1.2 only, and knows identities instead of keys', () => {
    expect(values(account)).toMatchObject({
      https_traffic_only_enabled: 'true',
      min_tls_version: '"TLS1_2"',
      shared_access_key_enabled: 'false',
      local_user_enabled: 'false',
      cross_tenant_replication_enabled: 'false',
    });
    const provider = find(azure, 'provider', 'azurerm');
    expect(provider.attributes.get('storage_use_azuread')).toBe('true');
  });

  test('is open to nobody', () => {
    expect(account.attributes.get('allow_nested_items_to_be_public')).toBe('false');
    const access = resource('azurerm_storage_container').attributes.get('container_access_type');
    expect(access).toBe('"private"');
  });

  test('takes a key of the user as an option', () => {
    const key = resource('azurerm_storage_account_customer_managed_key');
    expect(key.attributes.get('count')).toBe('var.customer_managed_key == null ? 0 : 1');
    expect(find(azure, 'variable', 'customer_managed_key').attributes.get('default')).toBe('null');
  });

  test('expires noncurrent versions after 180 days and leaves current blobs alone', () => {
    const [actions] = below(resource('azurerm_storage_management_policy'), 'rule', 'actions');
    expect(actions?.blocks.map((block) => [block.type, values(block)])).toEqual([
      ['version', { delete_after_days_since_creation: 'var.noncurrent_days' }],
    ]);
    expect(find(azure, 'variable', 'noncurrent_days').attributes.get('default')).toBe('180');
  });

  test('is kept when the rest is removed', () => {
    expect(isKept(account)).toBe(true);
    expect(isKept(resource('azurerm_storage_container'))).toBe(true);
    const lock = resource('azurerm_management_lock').attributes.get('lock_level');
    expect(lock).toBe('"CanNotDelete"');
  });

  test('lets the replicator into the container, not into the account', () => {
    const role = find(azure, 'resource', 'azurerm_role_assignment', 'replicator');
    expect(role.attributes.get('scope')).toBe('azurerm_storage_container.replica.id');
  });
});

describe('Terraform', () => {
  const terraform = spawnSync('terraform', ['version'], { stdio: 'ignore' });
  const reason = terraform.error ? ' (left out: terraform is not installed)' : '';

  test.skipIf(reason !== '')(`finds the files in its own format${reason}`, () => {
    const { status, stdout } = spawnSync('terraform', ['fmt', '-check', '-recursive', infra], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

describe('the reader of HCL', () => {
  test('keeps values as text, also over several lines', () => {
    const { attributes } = parseHcl('a = [ # one\n "x # y",\n]\nb = c == null ? 0 : 1\n');
    expect([...attributes]).toEqual([
      ['a', '[ "x # y", ]'],
      ['b', 'c == null ? 0 : 1'],
    ]);
  });

  test.each(['a = [1', 'a "b" {', 'a = 1\na = 2', 'a = "b', 'a { } }', 'a = <<EOT', '= 1'])(
    'throws on %j',
    (text) => {
      expect(() => parseHcl(text)).toThrow('Cannot read HCL at line');
    },
  );
});
