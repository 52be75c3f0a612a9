import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectServer } from './object-server.ts';
import { freePorts, ServerProcess } from './server-process.ts';

/** What has to be on the machine. */
export const versitygwPrograms = ['versitygw'];

/** Starts versitygw on `directory`, default a temporary one that goes with it. */
export async function startVersitygw(directory?: string): Promise<ObjectServer> {
  const root = directory ?? (await mkdtemp(join(tmpdir(), 'entrepot-versitygw-')));
  const [port = 0] = await freePorts(1);
  const credentials = { accessKeyId: 'entrepot', secretAccessKey: 'of-these-tests-alone' };
  const server = ServerProcess.start(
    'versitygw',
    ['--port', `127.0.0.1:${port}`, '--quiet', '--health', '/health', 'posix', root],
    { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  );
  const stop = async (): Promise<void> => {
    await server.stop();
    if (directory === undefined) await rm(root, { recursive: true, force: true });
  };
  try {
    await server.listening(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint: `http://127.0.0.1:${port}`, credentials, stop };
}
