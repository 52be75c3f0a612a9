import { Writable } from 'node:stream';

const colours: Readonly<Record<string, string>> = {
  warn: '\u001B[33m',
  error: '\u001B[31m',
  fatal: '\u001B[31m',
};
const reset = '\u001B[0m';

/** Turns the logger's JSON lines into lines for people: time, level if it matters, event, fields. */
export function terminalLog(output: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, done) {
      const lines = String(chunk)
        .split('\n')
        .filter((line) => line !== '');
      output.write(lines.map((line) => `${formatLine(line)}\n`).join(''));
      done();
    },
  });
}

/** One line for people; what is no JSON object stays as it is. */
export function formatLine(line: string): string {
  const entry = parse(line);
  if (entry === undefined) return line;
  const { time, level, msg, err, ...fields } = entry;
  const colour = colours[String(level)];
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${brief(value)}`);
  const text = [clock, ...(colour === undefined ? [] : [String(level)]), String(msg), ...rest].join(' ');
  const shown = err === undefined ? text : `${text}\n${indent(describeError(err))}`;
  return colour === undefined ? shown : `${colour}${shown}${reset}`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function brief(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('stack' in error && typeof error.stack === 'string') return error.stack;
  return JSON.stringify(error);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
