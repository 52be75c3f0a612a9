import { AppError } from '@entrepot/errors/app-error';

const flags = new Set([
  'public',
  'enable_content_trust',
  'enable_content_trust_cosign',
  'prevent_vul',
  'auto_scan',
  'auto_sbom_generation',
  'reuse_sys_cve_allowlist',
  'proxy_cache_local_on_not_found',
  'proxy_referrer_api',
  'allow_sparse',
]);
const severities = ['none', 'low', 'medium', 'high', 'critical'];
const whole = /^-?\d{1,9}$/;
const days = /^\d{1,4}$/;
const valueRules: Readonly<Record<string, (value: string) => boolean>> = {
  recycle_bin_days: (value) => days.test(value),
  untagged_days: (value) => days.test(value),
  proxy_speed_kb: (value) => whole.test(value) && Number(value) >= -1,
  max_upstream_conn: (value) => whole.test(value) && Number(value) !== 0 && Number(value) >= -1,
  proxy_cache_filter_pattern: () => true,
  proxy_cache_filter_kind: (value) => value === 'doublestar' || value === 'regex',
};

/**
 * Checks settings of a project that a request sets, and returns them as they are kept. `BAD_REQUEST` for an unknown
 * name or a value that it cannot have. `retention_id` is set by the retention policy itself: a request may repeat
 * the value that the project has, since clients send back what they read.
 */
export function checkMetadata(
  given: Readonly<Record<string, string | null | undefined>>,
  current: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    if (name === 'retention_id') checkRetention(value, current[name]);
    else kept[name] = checkSetting(name, value);
  }
  return kept;
}

function checkSetting(name: string, value: string): string {
  if (flags.has(name)) {
    const flag = value.toLowerCase();
    if (['true', '1', 't'].includes(flag)) return 'true';
    if (['false', '0', 'f', ''].includes(flag)) return 'false';
    throw invalid(name, value, 'true or false');
  }
  if (name === 'severity') {
    const severity = value.toLowerCase();
    if (!severities.includes(severity)) throw invalid(name, value, severities.join(', '));
    return severity;
  }
  const rule = Object.hasOwn(valueRules, name) ? valueRules[name] : undefined;
  if (rule === undefined)
    throw new AppError('BAD_REQUEST', `metadata: a project has no setting ${JSON.stringify(name)}`);
  if (value !== '' && !rule(value)) throw invalid(name, value, 'a value of that setting');
  return value;
}

function checkRetention(value: string, current: string | undefined): void {
  if (value === '' || value === current) return;
  throw new AppError('BAD_REQUEST', 'metadata: retention_id is set by making a retention policy, not here');
}

function invalid(name: string, value: string, expected: string): AppError {
  return new AppError(
    'BAD_REQUEST',
    `metadata: ${name} cannot be ${JSON.stringify(value)}; expected ${expected}`,
  );
}
