import { describeClient } from './registry-client-suite.ts';
import { Podman } from './podman.ts';

describeClient({ name: 'podman', programs: ['podman'], mounts: 'layers', client: Podman });
