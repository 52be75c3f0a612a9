import { expect, test } from 'vitest';
import { describeClient } from './registry-client-suite.ts';
import { Helm } from './helm.ts';

const plain = '--plain-http';

const options = { name: 'helm', programs: ['helm'], tag: '1.0.0', explains: false, client: Helm };

describeClient(options, (running) => {
  test('shows a chart that it has pushed', async () => {
    const { entrepot, sandbox } = running;
    await sandbox.expectSuccess('helm', ['push', 'app-1.0.0.tgz', `oci://${entrepot.host}/other`, plain]);
    const args = ['show', 'chart', `oci://${entrepot.host}/other/app`, '--version', '1.0.0', plain];
    const { stdout } = await sandbox.expectSuccess('helm', args);
    expect(stdout).toContain('name: app');
  });
});
