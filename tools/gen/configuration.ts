import { describeSettings, type SettingDescription } from '../../apps/cli/src/config/describe-settings.ts';

/** Writes the settings as a page. */
export function generate(): { path: string; text: string }[] {
  const text = `# Configuration

Generated from apps/cli/src/config/config.ts by \`pnpm gen\`; do not edit.

Settings are environment variables, read once at the start. An empty variable counts as not set. All problems are
printed at once, each with its fix, and the process ends with code 78; so it does for a variable that begins with
\`ENTREPOT_\` and is none of these. A secret may also lie in a file: set the name with \`_FILE\` to its path.

| variable | default | allowed | what it does |
|---|---|---|---|
${describeSettings().map(toRow).join('\n')}
`;
  return [{ path: 'docs/reference/configuration.md', text }];
}

function toRow(setting: SettingDescription): string {
  const names = setting.names.map((name) => `\`${name}\``).join('<br>');
  return `| ${names} | ${setting.default === undefined ? '' : `\`${setting.default}\``} | ${setting.allowed ?? ''} | ${setting.text} |`;
}
