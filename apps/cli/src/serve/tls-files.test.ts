import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { createLogger } from '@entrepot/telemetry/logger';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Front } from './front.ts';
import { readTls, watchTls, type TlsFiles } from './tls-files.ts';

const log = createLogger({ level: 'silent' });
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

let directory: string;
let files: TlsFiles;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tls-test-'));
  files = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  onTestFinished(() => rmSync(directory, { recursive: true }));
});

function makeCertificate(name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.keyFile];
  const args = ['req', '-x509', ...key, '-out', files.certFile, '-days', '1', '-subj', `/CN=${name}`];
  expect(spawnSync('openssl', args).status).toBe(0);
}

async function servedName(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const name = String(socket.getPeerCertificate().subject.CN);
  socket.destroy();
  return name;
}

describe('the certificate', () => {
  it('that is none is refused with the names of both files', () => {
    writeFileSync(files.certFile, 'no certificate');
    writeFileSync(files.keyFile, 'no key');
    expect(() => readTls(files)).toThrow(
      /ENTREPOT_TLS_CERT_FILE .*cert\.pem.*ENTREPOT_TLS_KEY_FILE .*key\.pem/,
    );
  });

  it.skipIf(!hasOpenssl)(
    'is used anew when its file changes, without a restart',
    async () => {
      makeCertificate('first');
      const answer = { handle: () => undefined };
      const front = new Front({ registry: answer, core: answer }, readTls(files), log);
      const port = await front.start('127.0.0.1', 0);
      onTestFinished(() => front.stop(0));
      onTestFinished(watchTls(files, log, (material) => front.renewTls(material)));
      expect(await servedName(port)).toBe('first');
      makeCertificate('second');
      for (let waited = 0; (await servedName(port)) !== 'second' && waited < 6_000; waited += 200)
        await sleep(200);
      expect(await servedName(port)).toBe('second');
    },
    15_000,
  );

  it.skipIf(!hasOpenssl)(
    'stays in use while the changed files do not go together',
    async () => {
      makeCertificate('first');
      let renewed = 0;
      onTestFinished(watchTls(files, log, () => void renewed++));
      await sleep(100);
      writeFileSync(files.keyFile, 'half written');
      await sleep(3_000);
      expect(renewed).toBe(0);
    },
    15_000,
  );
});
