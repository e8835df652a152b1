// A stack of the test file's own, as `cargo dev` starts it, on a free port.

import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the program, if need be, and answers where it is. */
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

/** Starts a stack, with `environment` beside what it needs to run, and waits until it answers. */
export async function startStack(environment = {}) {
  const { PATH, HOME } = process.env;
  // What the machine happens to have set, such as a fal key, must not decide what is tested.
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
