/** What stands in a log line where a secret stood. */
export const redacted = '[redacted]';

/** Member names, lower case without `-` and `_`, whose values are secrets wherever they appear. */
const secretNames = new Set([
  'accesstoken',
  'apikey',
  'authorization',
  'clientsecret',
  'connectionstring',
  'cookie',
  'credentials',
  'databaseurl',
  'identitytoken',
  'key',
  'newpassword',
  'oldpassword',
  'passwd',
  'password',
  'privatekey',
  'proxyauthorization',
  'refreshtoken',
  'secret',
  'secretkey',
  'setcookie',
  'token',
]);

const credentialInText = /\b(bearer|basic)\s+[a-z0-9+/=._~-]{6,}/gi;
// neither crosses a quote: they are applied to whole lines of JSON
const passwordInUrl = /(:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/g;
const maxDepth = 6;

/** `text` without bearer and basic credentials and without the passwords of URLs. */
export function redactText(text: string): string {
  const safe = text.replace(credentialInText, `$1 ${redacted}`);
  return safe.includes('://') ? safe.replace(passwordInUrl, `$1:${redacted}@`) : safe;
}

/**
 * `value` with the values of secret members replaced, at any depth. What holds none is returned as it is, not
 * copied.
 */
export function redactSecrets<T>(value: T): T;
export function redactSecrets(value: unknown): unknown {
  return redactAt(value, 0);
}

function redactAt(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // deeper than any line of ours: dropped rather than let through unread
  if (depth > maxDepth) return redacted;
  return Array.isArray(value) ? redactArray(value, depth) : redactObject(value, depth);
}

function redactArray(values: unknown[], depth: number): unknown[] {
  const clean = values.map((item) => redactAt(item, depth + 1));
  return clean.some((item, index) => item !== values[index]) ? clean : values;
}

function redactObject(value: object, depth: number): object {
  if (!isPlain(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value)) {
    const clean = member !== undefined && isSecretName(name) ? redacted : redactAt(member, depth + 1);
    if (clean !== member) (copy ??= { ...value })[name] = clean;
  }
  return copy ?? value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// the names of our own fields are few; those of foreign objects are not, so it stops growing
const judged = new Map<string, boolean>();
const maxJudged = 1000;

function isSecretName(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const isSecret = secretNames.has(name.replaceAll(/[-_]/g, '').toLowerCase());
  if (judged.size < maxJudged) judged.set(name, isSecret);
  return isSecret;
}
