import { parseRobotName } from '@entrepot/access/robot-name';
import { AppError } from '@entrepot/errors/app-error';

const forbidden = /[,"~#%:\s\p{Cc}]/u;
const address = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** Reads a user's name. `BAD_REQUEST` names what is wrong with it. */
export function readUsername(given: string | null | undefined): string {
  if (given === null || given === undefined) throw invalid('username', 'is missing');
  const username = given.trim();
  if (username === '' || username.length > 255) throw invalid('username', 'must be 1 to 255 characters long');
  if (forbidden.test(username)) throw invalid('username', 'must not hold spaces or any of , " ~ # % :');
  if (parseRobotName(username) !== undefined)
    throw invalid('username', 'must not begin like the name of a robot');
  return username;
}

/** Reads a mail address; null for none. `BAD_REQUEST` for what is none. */
export function readEmail(given: string | null | undefined): string | null {
  const email = given?.trim() ?? '';
  if (email === '') return null;
  if (email.length > 255 || !address.test(email)) throw invalid('email', 'is not a mail address');
  return email;
}

/** Reads a text that people write about somebody. `BAD_REQUEST` when it is too long. */
export function readNote(member: string, given: string | null | undefined): string {
  const note = given ?? '';
  if (note.length > 255 || note.includes('\0')) throw invalid(member, 'must be at most 255 characters long');
  return note;
}

function invalid(member: string, what: string): AppError {
  return new AppError('BAD_REQUEST', `${member}: ${what}`);
}
