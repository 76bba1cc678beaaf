// The list of the last answers, each with the curl command that sends the same request.

import {readOnly} from './actions.mjs';
import {$, badge, h, kindOf, mayMiss, millis, show, tag} from './dom.mjs';

const LINES = 14;
const VERB = {
  read: 'read',
  write: 'write',
  delete: 'delete',
  cas: 'compare-and-set'
};

/** The lines of the list. Equal answers that follow each other at one service are one line, with their number. */
function grouped(store, veiled) {
  const lines = [], latest = new Map();
  for (const answer of store.answers.filter(one => one.by === 'page' && !veiled.has(one.service)).slice(-300)) {
    const look =
      JSON.stringify([answer.op, answer.key, answer.sent, answer.status, answer.code, answer.value, answer.conflicts]);
    const known = latest.get(answer.service);
    if (known?.look === look && !store.asked.has(answer.id) && !known.asked)
      Object.assign(known, {answer, times: known.times + 1});
    else {
      const line = {look, answer, times: 1, first: answer.id, asked: store.asked.has(answer.id)};
      latest.set(answer.service, line);
      lines.push(line);
    }
  }
  return lines.sort((a, b) => b.answer.tMs - a.answer.tMs).slice(0, LINES);
}

/** The result of an answer in words. */
export function outcome(answer) {
  if (answer.conflicts?.length > 1) return ['conflict ', ...answer.conflicts.map(value => tag(value?.base64 ?? value))];
  if (answer.status >= 400) return `${answer.status || 'error'} ${answer.code ?? answer.detail ?? ''}`;
  if (answer.op === 'read') return [`${answer.status} `, tag(answer.value)];
  return `${answer.status} ${answer.outcome ?? 'ok'}`;
}

export function build(root, select) {
  root.replaceChildren(h('div', {class: 'head'}, h('h2', {}, 'Last answers'),
                         h('span', {class: 'note'}, 'newest first; × counts equal ones')),
    h('ul', {}));
  root.addEventListener('click', event => {
    const copy = event.target.closest('[data-copy]'), line = event.target.closest('[data-answer-id]');
    if (copy)
      navigator.clipboard?.writeText(copy.dataset.copy);
    else if (line)
      select(Number(line.dataset.answerId));
  });
}

export function draw(root, store, veiled) {
  const lines = grouped(store, veiled);
  show($('ul', root), lines.map(line => [line.look, line.answer.service, line.times, line.first]),
    () => lines.length ? lines.map(line => entry(line))
                       : h('li', {class: 'muted'},
                         `No request in the last minute.${readOnly() ? '' : ' Click a service to send one.'}`));
}

function entry({answer, times, first}) {
  const isBounded = answer.op === 'read' && answer.status === 200 && answer.service.startsWith('app_ap') &&
    answer.stalenessMs !== null;
  const bound = isBounded ? `, ${mayMiss(answer.stalenessMs)}` : '';
  return h('li', {'data-service': answer.service, 'data-status': answer.status},
    h('button', {
      class: 'plain',
      'data-answer-id': answer.id,
      'data-focus': `a${first}`,
      title: 'Show its messages in the diagram'
    },
      badge(answer.conflicts?.length > 1 ? 'failed' : kindOf(answer)),
      h('span', {class: 'who'}, `${answer.service}: ${VERB[answer.op]}`, answer.sent && [' ', tag(answer.sent, 8)]),
      h('b', {}, outcome(answer)), h('small', {}, `${millis(answer.tookMs)}${bound}${times > 1 ? ` ×${times}` : ''}`)),
    h('code', {'data-copy': answer.curl, title: `${answer.curl}\n\n${answer.body ?? ''}\n\nClick to copy`},
      answer.curl));
}
