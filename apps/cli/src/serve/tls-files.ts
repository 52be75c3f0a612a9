import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { AppError } from '@entrepot/errors/app-error';
import type { Logger } from '@entrepot/telemetry/logger';

/** Certificate chain and private key in PEM. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Where they lie. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

// polling sees a renamed file, a changed symbolic link and a mounted secret alike
const interval = 2_000;

/** Reads both and proves that they go together. Throws `CONFIG_INVALID` with what is wrong. */
export function readTls({ certFile, keyFile }: TlsFiles): TlsMaterial {
  try {
    const material = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(material);
    return material;
  } catch (cause) {
    throw new AppError(
      'CONFIG_INVALID',
      `ENTREPOT_TLS_CERT_FILE (${certFile}) and ENTREPOT_TLS_KEY_FILE (${keyFile}) are no certificate and its key ` +
        `in PEM: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
}

/** Hands the new material over when a file has changed and both go together. Returns what ends the watching. */
export function watchTls(files: TlsFiles, log: Logger, apply: (material: TlsMaterial) => void): () => void {
  const paths = [files.certFile, files.keyFile];
  const reload = (): void => {
    try {
      apply(readTls(files));
      log.info(files, 'certificate loaded');
    } catch (error) {
      // the two files are rarely replaced at once: the second change brings them together
      log.warn({ err: error }, 'the changed certificate is not used');
    }
  };
  for (const path of paths) watchFile(path, { interval, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
}
