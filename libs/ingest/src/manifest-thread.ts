import { parentPort } from 'node:worker_threads';
import { isAppError } from '@entrepot/errors/app-error';
import type { ErrorCode } from '@entrepot/errors/error-code';
import { parseManifest, type Manifest } from '@entrepot/oci/manifest';

/** What the thread is asked. */
export interface ManifestQuestion {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
}

/** What it answers: an error of ours does not cross threads as what it is. */
export type ManifestAnswer =
  | { readonly manifest: Manifest }
  | { readonly refusal: { readonly code: ErrorCode; readonly message: string } };

// The thread that parses large manifests, started by manifest-parser.ts. What is not a refusal ends it.
parentPort?.on('message', (question: ManifestQuestion) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(answerTo(question));
});
// nor does it leave waiting whoever asked what it has no memory to read
parentPort?.on('messageerror', (error) => {
  throw error;
});

function answerTo({ bytes, contentType }: ManifestQuestion): ManifestAnswer {
  try {
    return { manifest: parseManifest(bytes, contentType) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { refusal: { code: error.code, message: error.message } };
  }
}
