import type { Finding, FindingKind, VerifyReport } from '@entrepot/verify/finding';
import { verifyContent } from '@entrepot/verify/verify-content';
import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { withContent } from './with-content.ts';

/** What the command line says of a verification. */
export interface VerifyArguments {
  readonly repair: boolean;
  readonly samplePercent: number;
  readonly mostWrongPercent: number;
}

const mostShown = 200;
const meanings: Readonly<Record<FindingKind, string>> = {
  unknown: 'in the storage, and no row knows it',
  missing: 'not in the storage',
  size: 'of another size than it should be',
  bytes: 'damaged: the bytes have another digest',
  whole: 'marked as damaged, and whole',
};

/** Compares database and storage. Returns 0 when nothing is wrong, or is no more; else 3. */
export async function verifyCommand(config: Config, args: VerifyArguments): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted: nothing more was looked at')));
  const report = await withContent(config, output, async ({ database, store }) =>
    verifyContent({ database, store, ...args, signal: stop.signal }),
  );
  output.say(describe(report, args));
  return report.findings.length === 0 || report.repair === 'done' ? 0 : 3;
}

function describe(report: VerifyReport, { mostWrongPercent }: VerifyArguments): string {
  const { objects, bytes, hashed, blobs, findings, repair } = report;
  const lines = [`${objects} objects (${bytes} bytes, ${hashed} read) and ${blobs} live blobs compared.`];
  lines.push(...findings.slice(0, mostShown).map(describeFinding));
  if (findings.length > mostShown) lines.push(`  and ${findings.length - mostShown} more`);
  if (findings.length === 0) lines.push('Nothing is wrong.');
  else if (repair === 'done') {
    lines.push(
      'Repaired: what is unknown is in quarantine, the next push of a damaged blob heals it. No bytes were removed.',
    );
  } else if (repair === 'refused') {
    lines.push(
      `Nothing was repaired: more than ${mostWrongPercent} per cent is wrong. Is this the right storage, and the right ` +
        'database? If so, say how much may be wrong: --most-wrong <per cent>',
    );
  } else lines.push('Nothing was changed: entrepot verify --repair does that.');
  return `${lines.join('\n')}\n`;
}

function describeFinding({ digest, kind, size }: Finding): string {
  return `  ${digest}: ${meanings[kind]}${kind === 'size' ? ` (${size} bytes)` : ''}`;
}
