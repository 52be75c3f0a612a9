import { expect, test } from 'vitest';
import { describeClient, type ClientOptions } from './registry-client-suite.ts';
import { Crane } from './crane.ts';

// its push begins with a HEAD, whose answer has no body to explain anything with
const options: ClientOptions = {
  name: 'crane',
  programs: ['crane'],
  mounts: 'everything',
  explains: false,
  client: Crane,
};

describeClient(options, (running) => {
  test('validates what was pushed, every layer of it', async () => {
    const { entrepot, sandbox } = running;
    const reference = `${entrepot.host}/team/valid:v1`;
    const layout = sandbox.writeLayoutOf([sandbox.layout.single]);
    await sandbox.expectSuccess('crane', ['push', layout, reference]);
    const { output } = await sandbox.expectSuccess('crane', ['validate', '--remote', reference]);
    expect(output).toContain('PASS');
  });
});
