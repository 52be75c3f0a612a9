import { describeClient } from './registry-client-suite.ts';
import { Skopeo } from './skopeo.ts';

describeClient({ name: 'skopeo', programs: ['skopeo'], mounts: 'layers', client: Skopeo });
