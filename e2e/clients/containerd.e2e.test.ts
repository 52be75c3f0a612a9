import { describeClient } from './registry-client-suite.ts';
import { Containerd } from './containerd.ts';

const programs = ['ctr', 'containerd'];
describeClient({ name: 'containerd', programs, mounts: 'everything', explains: false, client: Containerd });
