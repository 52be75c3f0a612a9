import { AppError } from '@entrepot/errors/app-error';

const longestDescription = 600;

/** A refusal that says how to come back: 401 with a challenge (RFC 9110 section 11.6.1). */
export class ChallengeError extends AppError {
  /** The value of WWW-Authenticate. */
  readonly challenge: string;

  constructor(message: string, challenge: string, cause?: unknown) {
    super('UNAUTHORIZED', message, { cause });
    this.challenge = challenge.includes(',error=') ? `${challenge},${description(message)}` : challenge;
  }
}

/**
 * The reason once more (RFC 6750 section 3): an answer to HEAD has no body, and docker, podman and skopeo show
 * what stands here instead of "requested access to the resource is denied".
 */
function description(message: string): string {
  const text = message.slice(0, longestDescription).replaceAll(/["\\]/g, "'");
  return `error_description="${text.replaceAll(/[^\x20-\x7E]/g, '?')}"`;
}
