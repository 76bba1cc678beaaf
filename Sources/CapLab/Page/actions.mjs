// What the page can do: real requests to the lab, or, without a token, the commands to type instead.

const token = document.querySelector('meta[name="lab-token"]')?.content ?? '';

export const readOnly = () => token === '' || lab.store?.hello?.readOnly === true;
const lab = {
  store: null,
  notify: () => {}
};

/** @param notify shows a message to the reader: `(text, isProblem)`. */
export function prepare(store, notify) { Object.assign(lab, {store, notify}); }

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

/** Sends an action and shows what the lab said. */
export async function act(path, body) {
  if (readOnly()) return lab.notify(`Read-only. Type: ${command(path, body)}`);
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

/** Sends a request to a service and resolves with its answer, whatever its status is. */
export async function ask(body) {
  const answer = await post('/ask', {key: lab.store.key, ...body});
  lab.store.addAnswer(answer);
  lab.store.asked.add(answer.id);
  return answer;
}

/** One of the steady reads of the page: like `ask`, but not listed as the reader's own request. */
export async function readQuietly(service) {
  lab.store.addAnswer(await post('/ask', {service, op: 'read', key: lab.store.key}));
}

/** Reads with its version first, so that the write replaces exactly what was seen. */
export async function resolve(service, value) {
  const read = await ask({service, op: 'read'});
  return ask({service, op: 'write', value, context: read.version ?? undefined});
}

/** Sets the value only if the key is still at the version that this service reports now. */
export async function compareAndSet(service, value) {
  const read = await ask({service, op: 'read'});
  // A key that does not exist has no version to match: without one, the write creates the key.
  return ask({service, op: 'cas', value, ...(read.status === 200 && {version: read.version})});
}

/** The command that does the same, for a terminal. */
export function command(path, body) {
  const group = body.group ? ` --group ${body.group}` : '';
  const mode = body.mode && body.mode !== 'drop' ? ` --mode ${body.mode}` : '';
  const both = verb => {
    const [service, replica] = body.link.split('>');
    return [[service, replica], [replica, service]]
      .map(([from, to]) => `caplab ${verb} --from ${from} --to ${to}${mode}`)
      .join(' && ');
  };
  const place = body.from ? ` --from ${body.from} --to ${body.to}` : body.target ? ` ${body.target}` : '';
  if (path === '/actions/cut') return body.link ? both('partition') : `caplab partition${place}${group}${mode}`;
  if (path === '/actions/heal') return body.link ? both('heal') : `caplab heal${place}${group}`;
  if (path === '/actions/process') return `caplab ${body.do} ${body.node}`;
  if (path === '/ask') return curl(body);
  return `POST ${path}`;
}

function curl(body) {
  const port = lab.store.node(body.service)?.port ?? '';
  const key = encodeURIComponent(body.key ?? lab.store.key);
  const verb = body.op === 'cas' ? 'write' : body.op;
  const method = {read: '', delete: '-X DELETE '}[body.op] ?? '-X POST ';
  const condition = body.op === 'cas' ? `-H 'If-Match: "${body.version ?? 'VERSION'}"' ` : '';
  const context = body.context ? `-H 'X-Context: ${body.context}' ` : '';
  const value = body.value !== undefined && body.value !== null ? `/${encodeURIComponent(body.value)}` : '';
  return `curl ${method}${condition}${context}http://127.0.0.1:${port}/${verb}/${key}${value}`;
}
