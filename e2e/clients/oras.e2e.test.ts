import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeClient, findDigest } from './registry-client-suite.ts';
import { Oras } from './oras.ts';

const plain = '--plain-http';

describeClient(
  { name: 'oras', programs: ['oras'], mounts: 'everything', explains: false, client: Oras },
  (running) => {
    test('attaches a document and discovers it, by type and without', async () => {
      const { entrepot, sandbox } = running;
      const reference = `${entrepot.host}/team/multi:v1`;
      writeFileSync(sandbox.path('sbom.json'), '{"spdxVersion":"SPDX-2.3"}');
      const type = ['--artifact-type', 'application/spdx+json'];
      await sandbox.expectSuccess('oras', [
        'attach',
        plain,
        ...type,
        reference,
        'sbom.json:application/spdx+json',
      ]);
      for (const [filter, count] of [
        ['application/spdx+json', 1],
        ['application/other', 0],
      ] as const) {
        const args = ['discover', plain, '--format', 'json', '--artifact-type', filter, reference];
        const { stdout } = await sandbox.expectSuccess('oras', args);
        const { referrers = [] } = JSON.parse(stdout) as { referrers?: { artifactType: string }[] };
        expect(referrers).toHaveLength(count);
      }
      expect(await findDigest(entrepot, 'team/multi', 'v1')).toBe(sandbox.layout.multi.digest);
    });
  },
);
