// The actions of the page. They are requests to the lab. A page without a token shows the commands to type instead.

import {commandFor, listen} from './commands.mjs';

const token = document.querySelector('meta[name="lab-token"]')?.content ?? '';

export const readOnly = () => token === '' || lab.store?.hello?.readOnly === true;
const lab = {
  store: null,
  notify: () => {}
};

/** @param notify shows a message to the reader: `(text, isProblem)`. */
export function prepare(store, notify) {
  Object.assign(lab, {store, notify});
  listen(notify);
}

async function post(path, body, signal) {
  const headers = {'Content-Type': 'application/json', 'X-Lab-Token': token};
  const response = await fetch(path, {method: 'POST', headers, body: JSON.stringify(body), signal});
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(answer.detail ?? answer.title ?? `${path} failed with status ${response.status}`);
    error.code = answer.code;
    if (response.status === 403) error.message += ' If the lab was restarted, reload this page.';
    throw error;
  }
  return answer;
}

const ANSWER_MS = 15_000;
let lastChange = Promise.resolve();

/** Sends the changes of links one after the other: two requests at once could overtake each other. */
function inOrder(path, body) {
  const send = () => post(path, body, AbortSignal.timeout(ANSWER_MS)), next = lastChange.then(send, send);
  lastChange = next.catch(() => {});
  return next;
}

/** Sends an action and shows the message of the reply. */
export async function act(path, body) {
  if (readOnly()) return lab.notify(`Read-only. Type: ${command(path, body) ?? 'there is no command for this'}`);
  const changesLinks = path === '/actions/cut' || path === '/actions/heal';
  try {
    const answer = await (changesLinks ? inOrder(path, body) : post(path, body));
    if (answer.message && path.startsWith('/actions')) lab.notify(answer.message);
    return answer;
  } catch (error) {
    lab.notify(error.message, true);
    throw error;
  }
}

/** Chooses the key for all viewers. A read-only page may do this too, because it changes only which key is read. */
export const chooseKey = key =>
  post('/key', {key: key.trim() || 'seat-12A'}).catch(error => lab.notify(error.message, true));

/** Sends a request to a service and resolves with its answer, whatever its status is. */
export async function ask(body) {
  const answer = await post('/ask', {key: lab.store.key, ...body});
  lab.store.addAnswer(answer);
  lab.store.asked.add(answer.id);
  return answer;
}

/** Reads for the map once per second: like `ask`, but not marked as a request of the reader. */
export async function readQuietly(service) {
  lab.store.addAnswer(await post('/ask', {service, op: 'read', key: lab.store.key}));
}

/** Reads the key, then writes with the version of that read, so that the write replaces exactly the values read. */
export async function resolve(service, value) {
  const read = await ask({service, op: 'read'});
  return ask({service, op: 'write', value, context: read.version ?? undefined});
}

/** Sets the value only if the key is still at the version that this service reports now. */
export async function compareAndSet(service, value) {
  const read = await ask({service, op: 'read'});
  // A key that does not exist has no version. Without a version, the compare-and-set creates the key.
  return ask({service, op: 'cas', value, ...(read.status === 200 && {version: read.version})});
}

/** The terminal command that does the same as an action; null if there is none. */
export const command = (path, body) => commandFor(lab.store, path, body);
