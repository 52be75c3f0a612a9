import type { Answer } from './http-connection.ts';

/** Throws unless the answer has the status and the length that it must have. */
export function expectAnswer(what: string, answer: Answer, status: number, length?: number): void {
  if (answer.status !== status) {
    throw new Error(`${what}: ${answer.status} where ${status} was due. ${answer.excerpt}`);
  }
  if (length !== undefined && answer.length !== length) {
    throw new Error(`${what}: ${answer.length} bytes where ${length} were due`);
  }
}
