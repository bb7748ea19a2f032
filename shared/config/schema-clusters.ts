import * as z from 'zod';
import { guid, name, region, roleArn } from './schema-parts.ts';

const server = z
  .string()
  .regex(/^https:\/\/[^/?#@\s]+(?:\/[^?#\s]*)?$/, {
    error: 'must be an https address without user, query or fragment',
  })
  .meta({
    description: 'The https address of the API server',
    examples: ['https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com'],
  });

const certificateAuthority = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').toString('latin1').includes('-----BEGIN CERT'), {
    error: 'must be certificates (PEM) in base64, as the cloud shows them',
  })
  .meta({ description: "The cluster's certificate authority: base64 of PEM" });

const kubeconfig = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({ description: 'The file, "~/" being your home; by default where kubectl finds it' }),
  context: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ description: 'The context; by default the one that the file calls current' }),
});

const eks = z.strictObject({
  name: z
    .string()
    .regex(/^[0-9A-Za-z][\w-]{0,99}$/, { error: 'must be the name of an EKS cluster' })
    .meta({ description: 'The name of the EKS cluster' }),
  region: region.meta({ description: 'The region of the EKS cluster' }),
  roleArn: roleArn.optional().meta({ description: 'The IAM role to assume for this cluster' }),
  server: server.optional().meta({
    description: 'Spares the call of eks:DescribeCluster; goes with certificateAuthority',
  }),
  certificateAuthority: certificateAuthority
    .optional()
    .meta({ description: 'Base64 of PEM, as eks:DescribeCluster tells it; goes with server' }),
});

const aks = z.strictObject({
  server,
  certificateAuthority: certificateAuthority
    .optional()
    .meta({ description: 'Base64 of PEM; by default what Node trusts' }),
  tenantId: guid
    .optional()
    .meta({ description: 'The Entra tenant of the identity; goes with clientId' }),
  clientId: guid
    .optional()
    .meta({ description: 'The client id of the identity; goes with tenantId' }),
});

const velero = z.strictObject({
  namespace: name.optional().meta({ description: 'The namespace of Velero (default velero)' }),
  version: z
    .string()
    .regex(/^v?\d{1,4}\.\d{1,4}(?:\.\d{1,4})?(?:[-+][\w.+-]{1,100})?$/, {
      error: 'must be a version, like v1.18.2',
    })
    .optional()
    .meta({
      description: 'The version of Velero where its server cannot tell; decides its cron dialect',
      examples: ['v1.18.2'],
    }),
  timeZone: z
    .string()
    .max(64)
    .refine(isZone, {
      error: 'must be a time zone of the IANA database, like UTC or Europe/Berlin',
    })
    .optional()
    .meta({
      description: 'The IANA time zone of the Velero server (default UTC)',
      examples: ['UTC', 'Europe/Berlin'],
    }),
});

/** Names alone: offsets, which Intl takes as well, are no zones to the server. */
function isZone(text: string): boolean {
  if (!/^[A-Z]/.test(text)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }) !== undefined;
  } catch {
    return false;
  }
}

/** Ways to reach an API server; an entry takes one of them. */
export const CLUSTER_ACCESS = ['kubeconfig', 'eks', 'aks', 'inCluster'] as const;

export const clusterSchema = z
  .strictObject({
    kubeconfig: kubeconfig.optional().meta({ description: 'By a context of a kubeconfig' }),
    eks: eks.optional().meta({ description: 'Amazon EKS, by an IAM identity' }),
    aks: aks.optional().meta({ description: 'Azure AKS, by an Entra identity' }),
    inCluster: z
      .literal(true)
      .optional()
      .meta({ description: 'The cluster that Drydock runs in, by the service account of its pod' }),
    velero: velero.optional().meta({ description: 'What Velero is there' }),
  })
  .meta({
    description: 'How to reach the API server of a cluster (one of four ways), and its Velero',
    oneOf: CLUSTER_ACCESS.map((way) => ({ required: [way] })),
  });

export type ClusterEntry = z.output<typeof clusterSchema>;
