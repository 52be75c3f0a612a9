import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms, titleOf } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

const missing = missingPrograms(['oci-conformance']);
const countsFile = resolve(import.meta.dirname, '../../.tools/test-results/conformance.counts.json');

/** One run of the program, and the number of its cases: a registry that offers less is asked less, so fewer fail. */
interface Run {
  readonly name: string;
  readonly project: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cases: number;
}

const runs: readonly Run[] = [
  // cancelling an upload is none of its cases unless asked for, and would be skipped
  {
    name: 'OCI 1.1',
    project: 'stable',
    env: { OCI_VERSION: '1.1', OCI_API_BLOBS_UPLOAD_CANCEL: 'true' },
    cases: 695,
  },
  { name: 'the next version', project: 'next', env: { OCI_VERSION: 'dev' }, cases: 793 },
  {
    name: 'the next version with sparse data',
    project: 'sparse',
    env: { OCI_VERSION: 'dev', OCI_DATA_SPARSE: 'true' },
    cases: 830,
  },
];

interface Case {
  readonly name: string;
  readonly status: string;
}

describe.skipIf(missing.length > 0)(titleOf('conformance to the distribution specification', missing), () => {
  let entrepot: Entrepot;
  let sandbox: Sandbox;
  const counts = { passed: 0, failed: 0, skipped: 0 };

  beforeAll(async () => {
    entrepot = await startEntrepot();
    sandbox = new Sandbox('conformance');
    for (const { project } of runs) await entrepot.createProject(project);
    const body = { metadata: { allow_sparse: 'true' } };
    const changed = await entrepot.api('PUT', '/api/v2.0/projects/sparse', { body });
    expect(changed.status).toBe(200);
  });
  afterAll(async () => {
    await entrepot?.remove();
    sandbox?.remove();
    mkdirSync(resolve(countsFile, '..'), { recursive: true });
    writeFileSync(countsFile, JSON.stringify(counts));
  });

  test.each(runs)('$name', async (run) => {
    const results = sandbox.newPath();
    mkdirSync(results);
    // its exit code says nothing when its configuration is bad: the report does
    const { output } = await sandbox.run('oci-conformance', [], { env: environment(run, results) });
    const cases = readCases(join(results, 'junit.xml'));
    const failed = cases.filter(({ status }) => status !== 'passed');
    for (const { status } of cases) {
      if (status === 'passed') counts.passed += 1;
      else if (status === 'skipped') counts.skipped += 1;
      else counts.failed += 1;
    }
    expect(failed, output.slice(-4000)).toEqual([]);
    expect(cases.length).toBe(run.cases);
  });

  function environment({ project, env }: Run, results: string): Record<string, string> {
    return {
      OCI_REGISTRY: entrepot.host,
      OCI_TLS: 'disabled',
      OCI_REPO1: `${project}/one`,
      OCI_REPO2: `${project}/two`,
      OCI_USERNAME: entrepot.admin.username,
      OCI_PASSWORD: entrepot.admin.password,
      OCI_RESULTS_DIR: results,
      ...env,
    };
  }
});

/** The cases of a report. It has no elements for failures: each case says how it went. */
function readCases(file: string): Case[] {
  const elements = readFileSync(file, 'utf8').matchAll(/<testcase\b([^>]*)>/g);
  return [...elements].map(([, attributes = '']) => ({
    name: attribute(attributes, 'name'),
    status: attribute(attributes, 'status'),
  }));
}

function attribute(text: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? '';
}
