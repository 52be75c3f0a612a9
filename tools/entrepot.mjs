// npm run entrepot -- <command>: the product's command, from a bare checkout if need be.
import { launch } from './bootstrap.mjs';

await launch(process.argv.slice(2));
