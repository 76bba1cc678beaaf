// The map of services and replicas with their states: CP above AP, east to the left of west.

import {
  $, h, s, show, text, attribute, tag, badge, kindOf, look, mayStillMiss, seconds, short, unequal
} from './dom.mjs';
import {term} from './terms.mjs';
import {readOnly, ask, command, resolve} from './actions.mjs';
import {copyable} from './commands.mjs';

const WORDS = {
  cp: ['consistent: one value or none', 'Consistent under partition: refuses rather than return an old value'],
  ap: [
    'available: an answer, maybe two values',
    'Available under partition: answers from any copy and says which last writes it may miss'
  ],
};
const BUYER = {
  east: 'ana',
  west: 'bob'
};
export const idOf = name => name.split('_').pop();

/** A name that may be broken into lines only after an underscore. */
const breakable = name => name.split('_').flatMap((part, at) => at ? ['_', h('wbr'), part] : [part]);

/** Builds the map once, after `hello`. */
export function build(stage, store) {
  const children = [
    h('div', {class: 'isle east'}), h('div', {class: 'isle west'}),
    s('svg', {class: 'net', role: 'group', 'aria-label': 'Links'})
  ];
  for (const group of ['cp', 'ap']) {
    for (const site of ['east', 'west']) {
      const service = store.services.find(node => node.group === group && node.site === site);
      if (service) children.push(heading(group, site), quarter(store, service));
    }
  }
  children.push(h('button', {id: 'cut', class: 'primary', 'data-action': 'toggle-cut'}, 'Cut west'),
    h('div', {id: 'differ', hidden: true, title: 'The two sites return different values'},
      s('svg', {viewBox: '0 0 24 24', 'aria-hidden': 'true'}, s('path', {d: unequal(12, 12, 13)}))));
  stage.replaceChildren(...children);
}

function heading(group, site) {
  const parts = site === 'east'
    ? [term(h('b', {}, group.toUpperCase()), group), h('span', {class: 'words'}, WORDS[group][0])]
    : [h('span', {class: 'now', id: `now-${group}`})];
  const place = group === 'cp' && h('button', {class: 'site', 'data-site': site, 'data-menu': `site:${site}`}, site);
  return h(
    'div', {class: `band ${group} ${site}`, title: WORDS[group][1]}, site === 'east' ? [parts, place] : [place, parts]);
}

function quarter(store, service) {
  const {name, group, site, port} = service, buyer = BUYER[site];
  const run = action => action().catch(() => {});
  const quick =
    h('div', {class: 'quick'},
      h('button', {'data-action': `read:${name}`, onclick: () => run(() => ask({service: name, op: 'read'}))}, 'Read'),
      h('button', {
        'data-action': `write:${name}:${buyer}`,
        title: `Writes ${buyer} at ${name}`,
        onclick: () => run(() => ask({service: name, op: 'write', value: buyer}))
      },
        `Write ${buyer}`),
      group === 'ap' && h('span', {class: 'resolve', hidden: true}));
  const replicas = store.replicas(group).filter(node => node.site === site);
  return h('div', {class: `quarter ${group} ${site}`, 'data-service': name},
    h('div', {class: 'out'}, h('p', {class: 'asks'}),
      h('button', {class: 'answer idle', 'data-answer': name, 'data-menu': `node:${name}`}),
      // A recording has neither buttons nor commands, because there are no services that could answer.
      readOnly() ? store.hello.durationMs === null && quickCommands(name, buyer) : quick),
    h('button', {class: 'node service', 'data-node': name, 'data-menu': `node:${name}`}, h('b', {}, breakable(name)),
      h('small', {}, `:${port}`), h('span', {class: 'pips'}), h('span', {class: 'hints'}),
      h('span', {class: 'condition'})),
    h('div', {class: 'replicas'},
      replicas.map(
        node => h('button', {class: 'node replica', 'data-node': node.name, 'data-menu': `node:${node.name}`},
          h('b', {title: node.name}, idOf(node.name)), h('span', {class: 'condition'}), h('span', {class: 'held'})))));
}

/** On a read-only page, in place of the buttons that send requests: buttons that copy the commands. */
const quickCommands = (service, value) => h('div', {class: 'quick'},
  copyable(command('/ask', {service, op: 'read'}), 'Copy read'),
  copyable(command('/ask', {service, op: 'write', value}), `Copy write ${value}`));

const CONDITIONS = {
  paused: 'paused',
  ended: 'down',
  unreachable: 'no answer'
};

/** Shows the current state. `veiled` has the services whose answers are hidden, because the tour asks about them. */
export function draw(stage, store, veiled) {
  for (const service of store.services) drawService(stage, store, service, veiled.has(service.name));
  for (const node of store.hello.nodes.filter(node => node.kind === 'replica')) drawReplica(stage, store, node, veiled);
  for (const group of ['cp', 'ap']) drawNow(stage, store, group, veiled);
  const values = ['app_ap', 'app_ap_west'].map(name => valuesOf(store.lastRead(name)).join());
  const hidden = veiled.has('app_ap') || veiled.has('app_ap_west');
  $('#differ', stage).hidden =
    hidden || store.cable('ap').cut === 'no' || !values[0] || !values[1] || values[0] === values[1];
  const {seen, shown} = store.sampling;
  text($('#sampling'),
    store.hello.messages === false ? 'Messages are not visible here.'
      : seen > shown               ? `Slow motion: ${shown} of ${seen.toLocaleString('en')} messages shown`
                                   : 'Messages in slow motion');
}

/** The values in the answer of a read: one, all values of a conflict, or none. */
export function valuesOf(answer) {
  if (!answer || (answer.status !== 200 && !answer.conflicts?.length)) return [];
  return answer.conflicts?.length > 1 ? answer.conflicts.map(value => value?.base64 ?? value) : [answer.value];
}

function drawService(stage, store, service, veiled) {
  const quarter = $(`[data-service="${service.name}"]`, stage), state = store.state?.nodes[service.name];
  const answer = store.lastRead(service.name), pips = store.pips(service.name), up = pips.filter(Boolean).length;
  // A service that has not been asked yet must not be shown as refusing.
  const known = Boolean(state) && (state.ready !== null || state.process !== 'running');
  const node = $('.service', quarter), silent = known && (!state.canWrite || state.process !== 'running');
  attribute(node, 'data-process', state?.process ?? 'unknown');
  node.classList.toggle('mute', silent && !veiled);
  quarter.classList.toggle('silent', silent && !veiled);
  show($('.pips', node), [pips, known], () => known && [
    ...pips.map(on => h('i', {class: on ? 'on' : ''})),
    h('em', {}, `${up} of ${pips.length}`, h('span', {class: 'roomy'}, ' copies'))
  ]);
  const hints = Object.entries(state?.hints ?? {}).filter(([, number]) => number > 0);
  show($('.hints', node), hints,
    () => hints.length > 0 && [h('small', {}, 'hints for'), ...hints.map(
      ([target, number]) => h('span',
        {class: 'hint', 'data-hint': target, title: `${number} hints: changes that ${target} has not received yet`},
        `${idOf(target)}: ${number.toLocaleString('en')}`))]);
  text($('.condition', node), CONDITIONS[state?.process] ?? '');
  text($('.asks', quarter), `${short(store.key, 16)} is`);
  drawAnswer($('.answer', quarter), store, service, state, veiled);
  drawResolve($('.resolve', quarter), service.name, veiled ? [] : valuesOf(answer));
  attribute(node, 'aria-label',
    `${service.name}, ${state?.process ?? 'unknown'}, reaches ${up} of ${pips.length} copies. Menu`);
}

/** One button per value of a conflict, which resolves the conflict to that value. */
function drawResolve(root, name, values) {
  if (!root) return;
  root.hidden = values.length < 2;
  show(root, values, () => values.length > 1 && ['Keep', ...values.slice(0, 2).map(value => h('button', {
    class: 'primary',
    'aria-label': `Keep ${value}`,
    'data-action': `resolve:${name}:${value}`,
    'data-focus': `keep ${value}`,
    title: `Reads all values, then writes ${value} with the version that was read (X-Context). Either site may keep ` +
      'either value.',
    onclick: () => resolve(name, value).catch(() => {})
  },
    short(value, 6)))]);
}

function drawAnswer(block, store, service, state, veiled) {
  const answer = store.lastRead(service.name), values = valuesOf(answer), kind = answer ? kindOf(answer) : 'idle';
  const ageMs = answer ? store.nowMs - answer.tMs : 0;
  const isPast = ['ok', 'old'].includes(kind) && store.changedSince(service.group, answer.tMs, values) !== null;
  const note = veiled ? '' : isPast ? 'read before last write' : noteOf(answer, kind, service, ageMs);
  const style = veiled                  ? 'veil'
    : !answer                           ? 'idle'
    : kind === 'no' || kind === 'error' ? 'nothing'
    : values.length > 1                 ? 'both'
    : values.length                     ? look(values[0])
                                        : 'none';
  const word = veiled  ? '?'
    : !answer          ? readOnly() && state ? state.ready ? 'ready' : 'not ready' : '…'
    : kind === 'no'    ? 'no answer'
    : kind === 'error' ? 'error'
                       : null;
  block.className = `answer ${style} ${kind}`;
  attribute(block, 'data-kind', veiled ? 'veiled' : kind);
  attribute(block, 'data-values', veiled ? null : values.join(' '));
  attribute(block, 'aria-label',
    `${service.name}, last read: ${veiled ? 'hidden by the question' : word ?? (values.join(' and ') || 'no value')}. ${
      note}`);
  const sign = values.length > 1 ? 'failed' : isPast ? 'old' : kind;
  show(block, [style, sign, values, note, word],
    () => [h('span', {class: 'values'},
             word !== null ? h('span', {class: 'word'}, word)
                           : (values.length ? values : [null])
                               .slice(0, 2)
                               .map(value => h('span', {class: `value ${look(value)}`}, h('i'),
                                      value === null ? 'no value' : short(value, 9)))),
      note && h('span', {class: 'note'}, answer && badge(sign), note)]);
}

function noteOf(answer, kind, service, ageMs) {
  if (!answer) return 'not read yet';
  const since = ageMs > 4000 ? `, read ${seconds(ageMs)} ago` : '';
  if (kind === 'no') return (answer.code === 'no_quorum' ? 'no majority' : answer.code ?? 'refused') + since;
  if (kind === 'error') {
    const detail = answer.detail?.replace('the connection was', 'connection');
    return (answer.code ?? detail ?? `status ${answer.status}`).slice(0, 24);
  }
  if (answer.conflicts?.length > 1) return 'conflict' + since;
  if (service.group === 'cp') return since ? since.replace(', ', '') : 'current';
  if (answer.stalenessMs === null) return 'may be old' + since;
  return mayStillMiss(answer.stalenessMs) + since;
}

function drawReplica(stage, store, node, veiled) {
  const element = $(`[data-node="${node.name}"]`, stage), state = store.state?.nodes[node.name];
  const copy = store.copies?.copies?.[node.name], process = state?.process ?? 'unknown';
  const learner = state?.role === 'learner' || state?.role === 'blank';
  attribute(element, 'data-process', process);
  attribute(element, 'data-role', state?.role ?? 'none');
  const values = copy?.reachable && copy.present ? copy.values : [];
  const condition = CONDITIONS[process] ?? (learner ? state.role : '');
  text($('.condition', element), condition);
  const service = store.services.find(one => one.group === node.group && one.site === node.site);
  const hidden = node.group === 'ap' && service && veiled.has(service.name);
  const withheld = node.group === 'cp' && service && !veiled.has(service.name) &&
    store.state?.nodes[service.name]?.process === 'running' &&
    store.state?.nodes[service.name]?.majority === false &&
    values.length > 0 && process === 'running';
  const known = copy?.reachable && !hidden ? values.slice(0, 2) : [];
  const isPast = store.copiesArePast(node.group);
  $('.held', element).classList.toggle('past', isPast);
  attribute($('.held', element), 'title', isPast ? 'read before the last write' : null);
  show($('.held', element), [known, hidden, copy?.reachable, values.length, process, withheld],
    () => [copy && (hidden || !copy.reachable) && process === 'running' && h('span', {class: 'val none'}, '?'),
      copy?.reachable && !hidden && !values.length && h('span', {class: 'val none'}, 'none'),
      ...known.map(value => tag(value, 8)), values.length > 2 && !hidden && h('small', {}, `+${values.length - 2}`),
      withheld &&
        h('small', {
          class: 'withheld',
          title: 'This copy has the value, but without a majority the service does not return it'
        },
          'withheld')]);
  attribute(element, 'data-values', hidden ? null : values.join(' '));
  const holds = hidden ? 'value hidden by the question' : `holds ${values.join(' and ') || 'no value'}`;
  attribute(element, 'aria-label', `${node.name}, ${condition || process}, ${holds}. Menu`);
}

function drawNow(stage, store, group, veiled) {
  const names = group === 'cp' ? ['app_cp', 'app_cp_west'] : ['app_ap', 'app_ap_west'];
  const element = $(`#now-${group}`, stage);
  if (!element) return;
  const kinds = names.map(name => store.lastRead(name)).map(answer => answer && kindOf(answer));
  const values = names.map(name => valuesOf(store.lastRead(name)));
  let words = '';
  if (names.some(name => veiled.has(name)))
    words = '';
  else if (group === 'cp' && kinds[1] === 'no' && kinds[0] !== 'no')
    words = 'refuses, but is never wrong';
  else if (group === 'cp' && kinds[0] === 'no')
    words = 'no majority: refuses';
  else if (values.some(list => list.length > 1))
    words = 'both values kept: a conflict';
  else if (group === 'ap' && !$('#differ', stage).hidden)
    words = 'both answer, and disagree';
  text(element, words);
}
