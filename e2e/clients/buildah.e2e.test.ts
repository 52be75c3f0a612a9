import { describeClient } from './registry-client-suite.ts';
import { Buildah } from './buildah.ts';

describeClient({ name: 'buildah', programs: ['buildah'], mounts: 'layers', client: Buildah });
