import { randomInt } from 'node:crypto';
import { AppError } from '@entrepot/errors/app-error';

const lower = 'abcdefghijkmnpqrstuvwxyz';
const upper = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const digits = '23456789';

/** Whether a chosen secret is 8 to 128 characters long with an upper case letter, a lower case letter and a digit. */
export function isAcceptablePassword(password: string): boolean {
  if (password.length < 8 || password.length > 128) return false;
  return /[a-z]/.test(password) && /[A-Z]/.test(password) && /[0-9]/.test(password);
}

/** Refuses a password or chosen robot secret that breaks Harbor's rule, with `BAD_REQUEST`. */
export function checkPassword(password: string): void {
  if (isAcceptablePassword(password)) return;
  throw new AppError(
    'BAD_REQUEST',
    'the password must be 8 to 128 characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number',
  );
}

/** A password to print once: 20 characters (113 bits), none that are mistaken for one another, safe in a shell. */
export function generatePassword(): string {
  const all = lower + upper + digits;
  for (;;) {
    const password = Array.from({ length: 20 }, () => all[randomInt(all.length)]).join('');
    if (isAcceptablePassword(password)) return password;
  }
}
