// The menus of links, cables, sites and nodes. A click, Enter or Space opens one. Arrow keys move the focus within it.
// Escape closes it.

import {act, ask, compareAndSet, readOnly, resolve} from './actions.mjs';
import {$, h, mayMiss, tag} from './dom.mjs';
import {isReplay} from './recording.mjs';
import {typed} from './readonly.mjs';
import {explained} from './terms.mjs';

let store, opener;
const menu = () => $('#menu');
const MAX_DELAY_MS = 1000;
const NARROW_PX = 700, MENU_PX = 260;

export function listen(theStore) {
  store = theStore;
  document.addEventListener('click', event => {
    const target = event.target.closest('[data-menu]');
    if (target) return open(target);
    if (!event.target.closest('#menu')) close();
  });
  document.addEventListener('keydown', event => {
    const target = event.target.closest?.('[data-menu]');
    if (target && (event.key === 'Enter' || event.key === ' ') && !(target instanceof HTMLButtonElement)) {
      event.preventDefault();
      open(target);
    }
    if (menu().hidden) return;
    if (event.key === 'Escape') close(true);
    if (menu().contains(event.target) && (event.key === 'ArrowDown' || event.key === 'ArrowUp') &&
      event.target.type !== 'range') {
      event.preventDefault();
      const items = [...menu().querySelectorAll('button, input')], at = items.indexOf(event.target);
      items.at((at + (event.key === 'ArrowDown' ? 1 : -1)) % items.length)?.focus();
    }
  });
  addEventListener('resize', () => close());
}

export function close(returnFocus) {
  if (menu().hidden) return;
  menu().hidden = true;
  if (returnFocus) opener?.focus();
}

export function open(target, content) {
  const [kind, ...rest] = (target.dataset.menu ?? 'custom').split(':'), name = rest.join(':');
  const makers = {link: linkMenu, cable: cableMenu, site: siteMenu, node: nodeMenu};
  const parts = content ? content() : makers[kind]?.(name);
  if (!parts) return;
  opener = target;
  menu().replaceChildren(...parts.flat(Infinity).filter(Boolean));
  if (readOnly() && !$('.typed', menu()))
    menu().append(h('p', {class: 'muted'}, 'Compose has no command for this: it cuts sites, stores and nodes.'));
  menu().hidden = false;
  // Measure the menu in a corner. At its last place, the edge of the window may have made it smaller.
  Object.assign(menu().style, {maxHeight: '', left: '0px', top: '0px'});
  const own = menu().getBoundingClientRect();
  const {x, y} = innerWidth <= NARROW_PX ? outside(rowOf(target, name), own) : beside(target, own);
  menu().style.left = `${x}px`;
  menu().style.top = `${y}px`;
  menu().querySelector('button, input')?.focus({preventScroll: true});
}

/** The place of the menu: below the target if there is room, else above it. */
function beside(target, own) {
  const box = target.getBoundingClientRect();
  const x = Math.max(8, Math.min(box.left + Math.min(box.width, 140) / 2, innerWidth - own.width - 8));
  const below = box.bottom + 6, above = box.top - own.height - 6;
  return {
    x,
    y: below + own.height < innerHeight ? below : above > 8 ? above : Math.max(8, innerHeight - own.height - 8)
  };
}

/** The part of the page that a menu must not cover on a phone: both sites of the store that the menu changes. */
function rowOf(target, name) {
  const group = store.node(name.split('>')[0])?.group ?? (name === 'cp' || name === 'ap' ? name : null);
  const parts = group && target.closest('#stage') ? [...document.querySelectorAll(`.quarter.${group}`)] : [target];
  const boxes = parts.map(part => part.getBoundingClientRect());
  return {top: Math.min(...boxes.map(box => box.top)), bottom: Math.max(...boxes.map(box => box.bottom))};
}

/** The place of the menu on a phone: above or below `row`. Scrolls if both places are too small. */
function outside(row, own) {
  const floor = innerHeight - ($('#dock')?.offsetHeight ?? 0) - 8, width = document.documentElement.clientWidth;
  const x = Math.max(8, (width - own.width) / 2);
  let {top, bottom} = row;
  if (Math.max(top, floor - bottom) < Math.min(own.height, MENU_PX)) {
    const before = scrollY;
    scrollBy({top: top - 8, behavior: 'instant'});
    top -= scrollY - before;
    bottom -= scrollY - before;
  }
  const isBelow = floor - bottom >= own.height || floor - bottom >= top;
  const room = (isBelow ? floor - bottom : top) - 14, height = Math.min(own.height, room);
  menu().style.maxHeight = `${Math.max(120, room)}px`;
  return {x, y: isBelow ? bottom + 6 : Math.max(8, top - height - 6)};
}

const title = (words, note) => [h('h3', {}, words), note && h('p', {class: 'muted'}, note)];

/** A button that sends an action. On a read-only page, the command to type. In a replay, null. */
export function item(words, path, body, name) {
  if (isReplay) return null;
  if (readOnly()) return typed(words, path, body);
  return h('button', {
    'data-action': name,
    onclick: () => {
      close(true);
      act(path, body).catch(() => {});
    }
  },
    words);
}

function delaySlider(body, current, name) {
  const cut = ms => ({...body, mode: `delay=${ms}ms`});
  if (readOnly()) return item('Delay 200 ms each way', '/actions/cut', cut(200));
  const shown = h('output', {}, `${current} ms`);
  const slider = h('input', {
    type: 'range',
    min: 0,
    max: MAX_DELAY_MS,
    step: 10,
    value: current,
    'data-action': name,
    'aria-label': 'Delay each way in milliseconds',
    oninput: () => {
      shown.textContent = `${slider.value} ms`;
    },
    onchange: () => setDelay(body, Number(slider.value)).catch(() => {})
  });
  return h('label', {class: 'slide'}, 'Delay each way', slider, shown);
}

/** A delay of 0 removes the delay of these links. It does not heal a cut. */
export const setDelay = (body, ms) => act('/actions/cut', {...body, mode: `delay=${ms}ms`});

function linkMenu(id) {
  const [service, replica] = id.split('>'), fault = store.link(id);
  return [
    title('Link', `${service} to ${replica}`), item('Cut this link', '/actions/cut', {link: id}, 'cut-link'),
    item('Lose requests, one way', '/actions/cut', {from: service, to: replica}, 'lose-requests'),
    item('Lose answers, one way', '/actions/cut', {from: replica, to: service}, 'lose-answers'),
    delaySlider({link: id}, Math.max(fault.toReplica.delayMs, fault.toService.delayMs), 'delay-link'),
    item('Heal this link', '/actions/heal', {link: id}, 'heal-link')
  ];
}

function cableMenu(group) {
  return [
    title(`${group.toUpperCase()} links between the sites`,
      'Three links: each service reaches the copies of the other site'),
    item(`Cut west off (${group.toUpperCase()} only)`, '/actions/cut', {target: 'west', group}, 'cut-cable'),
    ...directions(group), delaySlider({target: 'west', group}, store.cable(group).delayMs, 'delay-cable'),
    item('Heal', '/actions/heal', {target: 'west', group}, 'heal-cable')
  ];
}

const directions = group => [['east', 'west'], ['west', 'east']].map(
  ([from, to]) => item(
    `Lose messages from ${from} to ${to}`, '/actions/cut', {from, to, ...(group && {group})}, `one-way-${from}-${to}`));

function siteMenu(site) {
  return [
    title(`Site ${site}`, 'All links to the other site, of both stores'),
    item(`Cut ${site} off`, '/actions/cut', {target: site}, `cut-${site}`), ...directions(),
    delaySlider({target: site}, Math.max(store.cable('cp').delayMs, store.cable('ap').delayMs), `delay-${site}`),
    item('Heal everything', '/actions/heal', {}, 'heal-all')
  ];
}

function nodeMenu(name) {
  const node = store.node(name), state = store.state?.nodes[name]?.process;
  const process = (words, what) => item(words, '/actions/process', {node: name, do: what}, `${what}:${name}`);
  const parts = [title(name, `${node.kind} in the ${node.site}${node.port ? `, port ${node.port}` : ''}`)];
  parts.push(facts(node));
  if (isReplay) return parts;
  if (node.kind === 'service') parts.push(askForm(name, node.group));
  const links = [
    item('Cut all its links', '/actions/cut', {target: name}, `cut:${name}`),
    item('Heal its links', '/actions/heal', {target: name}, `heal:${name}`)
  ];
  if (readOnly()) {
    return [
      ...parts, process('Pause', 'pause'), process('Resume', 'resume'), process('Kill', 'kill'),
      process('Start', 'start'), node.kind === 'replica' && process('Wipe', 'wipe'), ...links
    ];
  }
  return [
    ...parts,
    state === 'paused'    ? process('Resume the process', 'resume')
      : state === 'ended' ? process('Start the process', 'start')
                          : [process('Pause the process', 'pause'), process('Kill the process', 'kill')],
    node.kind === 'replica' && process('Wipe: start with an empty disk', 'wipe'), ...links
  ];
}

/** Facts about a node from the event `state`, with explanations of the terms. */
function facts(node) {
  const state = store.state?.nodes[node.name];
  if (!state) return null;
  const line = (...parts) => h('p', {class: 'fact'}, parts);
  if (node.kind === 'replica') {
    const from = state.reachableBy ?? [];
    return [
      state.role && state.role !== 'member' && line(`Role: ${state.role}. It is being filled and does not vote.`),
      line(from.length ? `Reached by ${from.join(' and ')}.` : 'No service reaches it.')
    ];
  }
  const pips = store.pips(node.name), up = pips.filter(Boolean).length;
  const open =
    Object.entries(state.connections ?? {}).filter(([, one]) => one.breaker !== 'closed').map(([name]) => name);
  const hints = Object.entries(state.hints ?? {}).filter(([, number]) => number > 0);
  return [
    line(`Reaches ${up} of ${pips.length} copies: ${state.majority ? 'a ' : 'no '}`, explained('majority', 'majority'),
      '.'),
    open.length > 0 && line(explained('Circuit breaker', 'breaker'), ` not closed: ${open.join(', ')}.`),
    hints.length > 0 &&
      line(explained('Hints', 'hints'), `: ${hints.map(([name, number]) => `${number} for ${name}`).join(', ')}.`),
    node.group === 'ap' &&
      line(
        explained('Staleness', 'staleness'),
        `: ${state.stalenessMs === null ? 'not known yet' : `reads here ${mayMiss(state.stalenessMs)}`}.`)
  ];
}

function askForm(service, group) {
  if (readOnly()) {
    const version = store.lastRead(service)?.version ?? undefined;
    return [
      item('Read', '/ask', {service, op: 'read'}), item('Write', '/ask', {service, op: 'write', value: 'ana'}),
      item('Delete', '/ask', {service, op: 'delete'}),
      version && (group === 'cp' ? item('Compare-and-set', '/ask', {service, op: 'cas', value: 'ana', version})
                                 : item('Resolve', '/ask', {service, op: 'write', value: 'ana', context: version}))
    ];
  }
  const send = run => {
    close(true);
    run().catch(() => {});
  };
  return h('div', {class: 'row'},
    h('button', {'data-action': `menu-read:${service}`, onclick: () => send(() => ask({service, op: 'read'}))}, 'Read'),
    ['ana', 'bob'].map(
      value => h('button', {onclick: () => send(() => ask({service, op: 'write', value}))}, 'Write ', tag(value))),
    h('button', {onclick: () => send(() => ask({service, op: 'delete'}))}, 'Delete'),
    group === 'cp'
      ? h('button', {onclick: () => send(() => compareAndSet(service, 'ana'))}, 'Compare-and-set ', tag('ana'))
      : h('button', {onclick: () => send(() => resolve(service, 'ana'))}, 'Resolve with ', tag('ana')));
}
