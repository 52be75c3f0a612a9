import { describeClient } from './registry-client-suite.ts';
import { Docker } from './docker.ts';

const programs = ['docker', 'dockerd', 'containerd'];
describeClient({ name: 'docker', programs, mounts: 'layers', client: Docker });
