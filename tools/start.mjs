// npm start: from a bare checkout to a registry that takes pushes.
import { launch } from './bootstrap.mjs';

await launch(['serve', ...process.argv.slice(2)]);
