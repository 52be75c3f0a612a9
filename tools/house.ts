import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { checkHouseRules } from './checks/house-rules.ts';

const listing = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
const texts = /\.(ts|mjs|js|json|yaml|yml|md|sh|sql|toml)$|^\.ci\//;
const paths = listing.split('\n').filter((path) => texts.test(path) && existsSync(path));
const problems = paths.flatMap((path) => checkHouseRules({ path, text: readFileSync(path, 'utf8') }));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
