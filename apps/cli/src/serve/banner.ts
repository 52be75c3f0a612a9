import { relative } from 'node:path';
import type { AdministratorNotice } from './first-start.ts';

/** What the banner says. */
export interface BannerFacts {
  readonly version: string;
  /** Where the product is reached. */
  readonly url: string;
  readonly administrator: AdministratorNotice;
  /** Whether only this machine can reach it. */
  readonly loopbackOnly: boolean;
}

/** The text that the start ends with: where it is, who may log in, and the first push. */
export function formatBanner({ version, url, administrator, loopbackOnly }: BannerFacts): string {
  const host = url.replace(/^https?:\/\//, '');
  const lines = [
    '',
    `Entrepot ${version} is ready: ${url}`,
    '',
    ...administratorLines(administrator),
    '',
    'Your first push:',
    `  docker login ${host} --username admin`,
    `  docker tag alpine ${host}/library/alpine`,
    `  docker push ${host}/library/alpine`,
    '',
  ];
  if (loopbackOnly) lines.push(...openingLines);
  else if (url.startsWith('http:')) lines.push(...plainLines);
  return `${lines.join('\n')}\n`;
}

const openingLines = [
  'Only this machine can reach it. To let others push, set ENTREPOT_HTTP_HOST=0.0.0.0 and, for https,',
  'ENTREPOT_TLS_CERT_FILE and ENTREPOT_TLS_KEY_FILE. Ctrl-C stops it.',
  '',
];

const plainLines = [
  'WARNING: other machines reach it without TLS: passwords and tokens can be read on their way. Set',
  'ENTREPOT_TLS_CERT_FILE and ENTREPOT_TLS_KEY_FILE, or put a proxy with TLS in front and name it in',
  'ENTREPOT_EXTERNAL_URL=https://…',
  '',
];

function administratorLines(notice: AdministratorNotice): string[] {
  switch (notice.kind) {
    case 'made':
      return ['  user      admin', `  password  ${notice.password}`, `  kept in   ${shortPath(notice.file)}`];
    case 'given':
      return ['  user      admin, with the password of ENTREPOT_ADMIN_PASSWORD'];
    case 'present':
      return presentLines(notice);
  }
}

function presentLines({ file, ignored }: { file: string | undefined; ignored: boolean }): string[] {
  const first = file === undefined ? '' : `; the first password is kept in ${shortPath(file)}`;
  const lines = [`  user      admin${first}`];
  if (ignored) {
    lines.push('  ENTREPOT_ADMIN_PASSWORD is ignored: the administrator exists already');
    lines.push('  (npm run entrepot -- admin reset-password makes a new password)');
  }
  return lines;
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
