// The coins of the signed-in user, and the button that adds some.

import { balance, currentSession } from './api.js';
import { byId } from './elements.js';
import { onLanguage, text } from './texts.js';

const DEMO_COINS = 10;

let last = null;

/** Reads the balance, shows it and returns it: settled and available coins, or `null`. */
export async function refreshCoins() {
  const user = currentSession().user_id;
  const found = await balance();
  if (user === currentSession().user_id) {
    last = found;
    draw();
  }
  return found;
}

function draw() {
  const { coins_balance: coins, coins_available: available } = last ?? {};
  const shown = !last
    ? text('coins_unknown')
    : coins === available
      ? text('coins', { coins })
      : text('coins_held', { available, held: coins - available });
  byId('coins').textContent = shown;
  byId('add-coins').textContent = text('add_coins', { coins: DEMO_COINS });
}

/** Credits coins as a payment webhook does: it invokes the function with a reference. */
async function credit(reference) {
  const event = { user_id: currentSession().user_id, coins: DEMO_COINS, reference };
  const path = '/2015-03-31/functions/add-coins/invocations';
  const response = await fetch(path, { method: 'POST', body: JSON.stringify(event) });
  const result = await response.json();
  if (!response.ok || response.headers.has('x-amz-function-error')) {
    throw new Error(result.errorMessage ?? result.message ?? `${response.status}`);
  }
}

/** Makes the button work. `complain` shows an error message. */
export function coinButton(complain) {
  let running = false;
  byId('add-coins').addEventListener('click', async () => {
    if (running) return;
    running = true;
    // The reference makes a retry safe: a credit whose response was lost is not given twice.
    const reference = `playground-${crypto.randomUUID()}`;
    const isLost = (error) => error instanceof TypeError;
    try {
      await credit(reference).catch((error) => (isLost(error) ? credit(reference) : Promise.reject(error)));
      complain(null);
    } catch (error) {
      complain(text('add_coins_failed', { detail: error.message }));
    }
    await refreshCoins();
    running = false;
  });
  onLanguage(draw);
}
