// Starts a local stack for a test file, as `cargo dev` does, on a free port.

import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the program if necessary and returns its path. */
function build() {
  const built = execFileSync('cargo', ['build', '--quiet', '--bin', 'dev', '--message-format=json'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const messages = built
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return messages.find(({ executable, target }) => executable && target.name === 'dev').executable;
}

/** Starts a stack with these environment variables and waits until it is ready. */
export async function startStack(environment = {}) {
  const { PATH, HOME } = process.env;
  // Variables of the machine, such as a fal key, must not change the tests.
  const stack = spawn(build(), ['--listen', '127.0.0.1:0'], {
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let url;
  for await (const line of createInterface({ input: stack.stdout })) {
    url ??= /^Potret is running at (\S+)$/.exec(line)?.[1];
    if (line.includes('Ctrl-C')) break;
  }
  if (!url) throw new Error('the stack did not start');
  const ended = new Promise((resolve) => {
    stack.once('exit', resolve);
  });
  return {
    url,
    stop: () => {
      stack.kill('SIGINT');
      return ended;
    },
  };
}
