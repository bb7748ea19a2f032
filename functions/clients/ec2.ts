import { EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2';
import type { Access } from '../../shared/config/config.ts';
import { resolveSecret, type SecretSources } from '../../shared/config/secret.ts';
import type { Ask } from '../../shared/snapshots/asking.ts';
import { EC2_CLIENT_SETTINGS, ec2SnapshotWitness } from '../../shared/snapshots/ec2-snapshots.ts';
import type { SnapshotWitness } from '../../shared/snapshots/snapshot-witness.ts';
import { roleCredentials } from './identity.ts';

// The SDK is named here and not in an import() of its own, of which no bundler leaves anything out;
// so this very file is to be imported where it is needed.

/** Silence for this long on a connection is a broken connection. */
const SOCKET_TIMEOUT_MS = 60_000;
const CONNECTION_TIMEOUT_MS = 10_000;

export interface EbsPlace {
  readonly region: string;
  /** The account that the snapshots are in; nothing is called absent by credentials of another. */
  readonly account?: string;
  /** Of EC2 and STS alike, for emulators alone. */
  readonly endpoint?: string;
}

/** The witness of the EBS snapshots of a place, with the role, key or standard chain of `access`. */
export async function ebsWitness(
  { region, account, endpoint }: EbsPlace,
  access: Pick<Access, 'roleArn' | 'accessKey'>,
  sources: SecretSources,
  ask: Ask,
): Promise<SnapshotWitness> {
  const config = {
    ...EC2_CLIENT_SETTINGS,
    region,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
    ...(endpoint !== undefined && { endpoint }),
    ...(await credentials(region, access, sources)),
  } satisfies EC2ClientConfig;
  const client = new EC2Client(config);
  if (account === undefined) return ec2SnapshotWitness({ client, region, ask });
  const ofCaller = async ({ signal }: { readonly signal?: AbortSignal }): Promise<string> => {
    const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
    const sts = new STSClient(config);
    try {
      const { Account } = await sts.send(new GetCallerIdentityCommand({}), {
        ...(signal && { abortSignal: signal }),
      });
      if (Account === undefined) throw new Error('an empty answer');
      return Account;
    } finally {
      sts.destroy();
    }
  };
  return ec2SnapshotWitness({ client, region, ask, account: { id: account, ofCaller } });
}

async function credentials(
  region: string,
  access: Pick<Access, 'roleArn' | 'accessKey'>,
  sources: SecretSources,
): Promise<Pick<EC2ClientConfig, 'credentials'>> {
  if (access.accessKey !== undefined) {
    const accessKeyId = await resolveSecret(access.accessKey.id, sources);
    const secretAccessKey = await resolveSecret(access.accessKey.secret, sources);
    return { credentials: { accessKeyId, secretAccessKey } };
  }
  if (access.roleArn === undefined) return {};
  return { credentials: roleCredentials(access.roleArn, region, sources.env) };
}
