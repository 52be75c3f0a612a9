import { rebuildCatalog } from '@entrepot/ingest/rebuild/rebuild-catalog';
import type { RebuildReport } from '@entrepot/ingest/rebuild/rebuild-report';
import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { withContent, type Content } from './with-content.ts';

const mostShown = 200;

/**
 * Makes the database of a storage that has distribution's layout. Returns 0, or 3 when something was left out, which
 * is printed with its reason.
 */
export async function rebuildCommand(config: Config): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  const rebuild = ({ database, store }: Content): Promise<RebuildReport> =>
    rebuildCatalog({ database, store });
  const report = await withContent(config, output, rebuild, 'database');
  output.say(describe(report));
  return report.problems.length === 0 ? 0 : 3;
}

function describe(report: RebuildReport): string {
  const { repositories, manifests, tags, known, projects, problems } = report;
  const lines = [
    `${repositories} repositories: ${manifests} manifests and ${tags} tags added, ${known} were known.`,
  ];
  if (projects.length > 0) {
    lines.push(`Projects that were made, private and without members: ${projects.join(', ')}`);
  }
  if (problems.length > 0) lines.push(`Left out (${problems.length}):`);
  lines.push(...problems.slice(0, mostShown).map(({ what, why }) => `  ${what}: ${why}`));
  if (problems.length > mostShown) lines.push(`  and ${problems.length - mostShown} more`);
  return `${lines.join('\n')}\n`;
}
