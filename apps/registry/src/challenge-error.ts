import { AppError } from '@entrepot/errors/app-error';

/** A refusal that says how to come back: 401 with a challenge (RFC 9110 section 11.6.1). */
export class ChallengeError extends AppError {
  /** The value of WWW-Authenticate. */
  readonly challenge: string;

  constructor(message: string, challenge: string, cause?: unknown) {
    super('UNAUTHORIZED', message, { cause });
    this.challenge = challenge;
  }
}
