import { describeClient } from './registry-client-suite.ts';
import { Regctl } from './regctl.ts';

describeClient({
  name: 'regctl',
  programs: ['regctl'],
  mounts: 'everything',
  explains: false,
  client: Regctl,
});
