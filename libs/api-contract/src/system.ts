import { z } from 'zod';
import { anybody } from './access.ts';
import { body, text } from './answer.ts';
import { operation } from './operation.ts';
import { timestamp } from './request-values.ts';

/** How the parts of the installation are. */
export const OverallHealthStatus = z
  .object({
    status: z.enum(['healthy', 'unhealthy']),
    components: z.array(
      z
        .object({ name: z.string(), status: z.enum(['healthy', 'unhealthy']), error: z.string().optional() })
        .meta({ id: 'ComponentHealthStatus' }),
    ),
  })
  .meta({ id: 'OverallHealthStatus' });

/** What the installation is. All but the first four are for those who signed in. */
export const GeneralInfo = z
  .object({
    auth_mode: z.string(),
    primary_auth_mode: z.boolean(),
    self_registration: z.boolean(),
    banner_message: z.string(),
    current_time: timestamp.optional(),
    registry_url: z.string().optional(),
    external_url: z.string().optional(),
    project_creation_restriction: z.string().optional(),
    has_ca_root: z.boolean().optional(),
    harbor_version: z.string().optional(),
    registry_storage_provider_name: z.string().optional(),
    read_only: z.boolean().optional(),
    notification_enable: z.boolean().optional(),
  })
  .meta({ id: 'GeneralInfo' });

export const getHealth = operation({
  id: 'getHealth',
  tag: 'health',
  summary: 'How the parts of the installation are; 200 also when one is not well',
  method: 'GET',
  path: '/health',
  access: anybody,
  answer: body(OverallHealthStatus),
  errors: [],
});

export const getPing = operation({
  id: 'getPing',
  tag: 'ping',
  summary: 'Whether the API answers',
  method: 'GET',
  path: '/ping',
  access: anybody,
  answer: text,
  errors: [],
});

export const getSystemInfo = operation({
  id: 'getSystemInfo',
  tag: 'systeminfo',
  summary: 'What the installation is',
  method: 'GET',
  path: '/systeminfo',
  access: anybody,
  answer: body(GeneralInfo),
  errors: [],
});

export const getVersion = operation({
  id: 'getVersion',
  tag: 'version',
  summary: 'The version of the API',
  method: 'GET',
  base: '/api',
  path: '/version',
  access: anybody,
  answer: body(z.object({ version: z.string() }).meta({ id: 'ApiVersion' })),
  errors: [],
});
