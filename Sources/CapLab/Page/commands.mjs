// The terminal command that does the same as a button: `caplab`, `docker compose`, `make` or `curl`.

import {h} from './dom.mjs';

/** The command for an action of the page; null if there is none. */
export function commandFor(store, path, body) {
  if (path === '/ask') return curl(store, body);
  if (store.hello?.commands === 'compose') return compose(path, body);
  const words = caplab(path, body), {program = 'caplab', options = ''} = store.hello ?? {};
  return words && `${program} ${words}${options}`;
}

function caplab(path, body) {
  const place = body.link ? ` --link '${body.link}'`
    : body.from           ? ` --from ${body.from} --to ${body.to}`
    : body.target         ? ` ${body.target}`
                          : '';
  const group = body.group ? ` --group ${body.group}` : '';
  const mode = body.mode && body.mode !== 'drop' ? ` --mode ${body.mode}` : '';
  if (path === '/actions/cut') return `partition${place}${group}${mode}`;
  if (path === '/actions/heal') return `heal${place}${group}`;
  if (path === '/actions/process') return `${body.do} ${body.node}`;
  return null;
}

const CONTAINER = {
  pause: name => `docker compose pause ${name}`,
  resume: name => `docker compose unpause ${name}`,
  kill: name => `docker compose kill ${name}`,
  start: name => `docker compose start ${name}`,
  wipe: name => `docker compose rm --stop --force ${name} && docker volume rm cap-pair_${
    name} && docker compose up -d --wait`
};

/** The commands for Docker Compose can cut sites, groups and nodes. They cannot cut a single link or delay messages. */
function compose(path, body) {
  if (path === '/actions/process') return CONTAINER[body.do](body.node);
  const make = {'/actions/cut': 'make compose-partition', '/actions/heal': 'make compose-heal'}[path];
  if (!make || body.link || (body.mode && body.mode !== 'drop')) return null;
  const cut = path === '/actions/cut';
  if (body.from) {
    const direction = body.from === 'west' ? 'out' : body.to === 'west' ? 'in' : null;
    return direction && cut ? `${make} ARGS='${body.group ?? 'west'} --one-way ${direction}'` : null;
  }
  const site = body.target === 'east' || body.target === 'west';
  const what = body.group ?? (site ? cut ? null : 'west' : body.target);
  return what ? `${make} ARGS=${what}` : make;
}

function curl(store, body) {
  const node = store.node(body.service);
  const [trust, scheme] = node?.authority ? [`--cacert ${node.authority} `, 'https'] : ['', 'http'];
  const option = node?.token ? `${trust}-H "Authorization: Bearer $(cat '${node.token}')" ` : trust;
  const key = encodeURIComponent(body.key ?? store.key);
  const verb = body.op === 'cas' ? 'write' : body.op;
  const method = {read: '', delete: '-X DELETE '}[body.op] ?? '-X POST ';
  const condition = body.op === 'cas' ? `-H 'If-Match: "${body.version ?? 'VERSION'}"' ` : '';
  const context = body.context ? `-H 'X-Context: ${body.context}' ` : '';
  const value = body.value !== undefined && body.value !== null ? `/${encodeURIComponent(body.value)}` : '';
  const url = `${scheme}://127.0.0.1:${node?.port ?? ''}`;
  return `curl ${option}${method}${condition}${context}${url}/${verb}/${key}${value}`;
}

/** A button that copies a command. It shows `words` if they are given, else the command. */
export const copyable = (command, words) => h('button',
  {class: 'command', 'data-copy': command, title: words ? `Copies: ${command}` : 'Copies the command'}, words ?? command);

/** Copies a command that is clicked. If the browser does not allow it, selects the command instead. */
export function listen(notify) {
  document.addEventListener('click', event => {
    const button = event.target.closest('button.command'), command = button?.dataset.copy;
    if (!command) return;
    const copied = navigator.clipboard?.writeText(command) ?? Promise.reject(new Error('no clipboard'));
    copied.then(() => notify(`Copied: ${command}`), () => {
      getSelection().selectAllChildren(button);
      notify(`Type: ${command}`);
    });
  });
}
