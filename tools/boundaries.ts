import { checkBoundaries } from './checks/boundaries.ts';
import { readReferences, readWorkspace } from './checks/workspace.ts';

const root = process.cwd();
const problems = checkBoundaries(readWorkspace(root), readReferences(root, 'tsconfig.build.json') ?? []);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
