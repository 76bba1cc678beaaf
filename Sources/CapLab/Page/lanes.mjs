// The space-time diagram: clients, services and replicas are lanes, and the messages of the last operations are arrows.
// The messages are in their real order, but at equal distances. The times are written below.

import {outcome} from './answers.mjs';
import {$, h, kindOf, look, mark, mayMiss, millis, s, seconds, show, text} from './dom.mjs';
import {shape} from './motion.mjs';
import * as violations from './violations.mjs';

const OPERATIONS = 3;
const MAX_EVENTS = 44;
const AFTER_MS = 400;
// `announced` is the id of the last violation that the diagram has shown by itself.
let group = null, chosen = null, announced = null;

export function build(root, redraw) {
  const choose = name => () => {
    group = name;
    chosen = null;
    redraw();
  };
  root.replaceChildren(
    h('div', {class: 'head'}, h('h2', {}, 'Messages over time'), h('span', {class: 'note'}, 'real order, not to scale'),
      h('span', {class: 'grow'}), h('span', {class: 'seg', role: 'group', 'aria-label': 'Store'}, ['cp',
        'ap'].map(name => h('button', {'data-store': name, onclick: choose(name)}, name.toUpperCase())))),
    h('div', {class: 'plot'}, s('svg', {role: 'img', 'aria-label': 'Space-time diagram'})),
    h('p', {class: 'why', 'aria-live': 'off'}), h('p', {class: 'violation', hidden: true}));
  changed = redraw;
}

let changed = () => {};

/** The first violation. When it is new, the diagram shows it. After that, the reader may choose something else. */
function findingOf(store) {
  const found = violations.current(store)[0] ?? null;
  if (found && found.id !== announced) {
    announced = found.id;
    group = found.store;
    chosen = null;
  }
  return found;
}

/** Shows the messages of one answer. */
export function select(store, id) {
  chosen = id;
  group = store.node(store.answers.find(answer => answer.id === id)?.service)?.group ?? group;
}

/** The operations to draw: those of the reader or the tour, or the reads once per second if there are none. */
function operations(store, which, veiled) {
  const all = store.answers.filter(one => one.by === 'page' && one.key === store.key &&
      store.node(one.service)?.group === which && !veiled.has(one.service));
  if (chosen !== null) {
    const one = all.find(answer => answer.id === chosen);
    if (one) return [one];
  }
  const own = all.filter(one => store.asked.has(one.id));
  return (own.length ? own : all).sort((a, b) => a.tMs - b.tMs).slice(-OPERATIONS);
}

/** The messages of an operation. For a change, also the messages that deliver it to other replicas shortly after. */
function messagesOf(store, operation, before, which) {
  const end = operation.tMs + operation.tookMs + 1,
        after = operation.op === 'read' ? end : Math.min(end + AFTER_MS, before);
  return store.messages
    .filter(one => {
      if (one.key !== operation.key || one.tMs < operation.tMs - 1) return false;
      if (one.link.startsWith(`${operation.service}>`) && one.tMs <= end) return true;
      return one.tMs > end && one.tMs <= after && one.kind !== 'read' &&
        store.node(one.link.split('>')[0])?.group === which;
    })
    .slice(0, MAX_EVENTS / OPERATIONS);
}

export function draw(root, store, veiled, hinted) {
  const found = findingOf(store), which = group ?? hinted ?? 'cp';
  const shown = found && chosen === null && found.store === which ? found : null;
  for (const button of root.querySelectorAll('[data-store]'))
    button.setAttribute('aria-pressed', String(button.dataset.store === which));
  const svg = $('.plot svg', root), {width, height} = svg.getBoundingClientRect();
  if (width < 50 || height < 50 || !store.hello) return;
  const list = shown ? violations.operations(shown) : operations(store, which, veiled);
  const events = [];
  list.forEach(
    (operation, index) => events.push(...eventsOf(store, operation, list[index + 1]?.tMs ?? Infinity, which)));
  const signature = JSON.stringify([
    which, width, height, shown?.id, violations.current(store).length, events.map(event => [event.kind, event.tMs, event.from, event.to]), [...veiled],
    Math.floor(store.nowMs / 1000)
  ]);
  if (signature === root.lanes) return;
  root.lanes = signature;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren(...paint(store, which, events, width, height, list.length, shown));
  for (const name of svg.querySelectorAll('text')) if (name.room) fit(name);
  const box = $('.violation', root);
  box.hidden = !shown;
  $('.why', root).hidden = Boolean(shown);
  text($('.note', root), `real order, not to scale${shown ? '; seconds since the lab started' : ''}`);
  if (shown) show(box, [shown.id, more(store)], () => violations.note(store, shown, changed, more(store)));
  text($('.why', root),
    list.length ? why(store, list.at(-1), which, messagesOf(store, list.at(-1), Infinity, which))
                : 'No operation on this key in the last minute.');
}

/** Shortens a caption that would run into the next one. */
function fit(name) {
  for (const shorter of name.shorter) {
    if (name.getComputedTextLength() <= name.room) return;
    name.textContent = shorter;
  }
  const words = name.textContent;
  for (let length = words.length - 1; length > 2 && name.getComputedTextLength() > name.room; length -= 1)
    name.textContent = `${words.slice(0, length).trimEnd()}…`;
}

/** The arrows of one operation, ordered by time: the request, the messages to and from replicas, and the answer. */
function eventsOf(store, operation, before, which) {
  const service = operation.service, client = `client ${store.node(service).site}`,
        sent = messagesOf(store, operation, before, which);
  const events =
    [{tMs: operation.tMs, from: client, to: service, kind: 'request', value: operation.sent, operation, first: true}];
  for (const one of sent) {
    const [from, to] = one.link.split('>');
    events.push({
      tMs: one.tMs,
      from: one.toReplica ? from : to,
      to: one.toReplica ? to : from,
      kind: one.kind,
      value: one.value,
      held: one.held,
      result: one.result,
      operation
    });
  }
  events.push({
    tMs: operation.tMs + operation.tookMs,
    from: service,
    to: client,
    kind: 'answer',
    value: operation.value,
    operation,
    last: true
  });
  // If times are equal, the order is: the request, the messages, the answer. The request is always first.
  const rank = event => event.first ? 0 : event.last ? 2 : 1;
  return events.sort((a, b) => (a.first ? -1 : b.first ? 1 : a.tMs - b.tMs || rank(a) - rank(b)));
}

function lanesOf(store, which) {
  const service = site => store.services.find(one => one.group === which && one.site === site).name;
  const replicas = site => store.replicas(which).filter(one => one.site === site).map(one => one.name);
  return {
    east: ['client east', service('east'), ...replicas('east')],
    west: [...replicas('west'), service('west'), 'client west']
  };
}

function paint(store, which, events, width, height, operationsShown, shown) {
  const {east, west} = lanesOf(store, which), all = [...east, ...west], label = 92, gap = 22, top = 24, foot = shown ? 25 : 20;
  const pitch = (height - top - foot - gap) / (all.length - 1);
  const Y = name => {
    const at = all.indexOf(name);
    return top + at * pitch + (at >= east.length ? gap : 0);
  };
  const slots = events.length + (operationsShown - 1) * 1.5 + 1.2, step = (width - label - 44) / Math.max(slots, 7);
  const cableTop = Y(east.at(-1)) + (pitch + gap) * .3, cableBottom = Y(west[0]) - (pitch + gap) * .3, parts = [];
  const cut = store.cable(which).cut !== 'no';
  parts.push(s('text', {x: 0, y: (cableTop + cableBottom) / 2 + 4, class: 'muted'}, cut ? 'links (cut now)' : 'links'));
  for (const name of all) {
    parts.push(s('path', {class: 'lane', d: `M${label} ${Y(name)}H${width}`}),
      s('text', {x: 0, y: Y(name) + 4, class: name.startsWith('client') ? 'strong' : ''}, name.replace(/^.._db_/, '')));
  }
  let x = label + 8, last = null;
  const spans = [];
  for (const event of events) {
    if (event.first && last) x += step * 1.5;
    if (event.first) spans.push({operation: event.operation, from: x});
    parts.push(...arrow(store, event, x, step, Y, cableTop, cableBottom));
    x += step;
    spans.at(-1).to = x;
    if (event.last) spans.at(-1).answered = x;
    last = event;
  }
  const faulty = spans.filter(
    span => store.faults.some(fault => ['cut', 'oneWay'].includes(fault.kind) &&
        fault.fromMs <= span.operation.tMs + span.operation.tookMs && (fault.toMs ?? Infinity) >= span.operation.tMs));
  parts.unshift(...faulty.map(span => s('rect', {
    class: 'shade cut',
    x: span.from - 4,
    y: cableTop,
    width: span.to - span.from + 10,
    height: cableBottom - cableTop
  })),
    s('path', {class: 'rule', d: `M${label} ${cableTop}H${width}M${label} ${cableBottom}H${width}`}));
  spans.forEach((span, index) => {
    const ago = seconds(store.nowMs - span.operation.tMs);
    const px = (spans[index + 1]?.from ?? width) - span.from, room = px / 6.4;
    const name = s('text', {x: span.from, y: 11, class: 'strong'}, caption(span.operation));
    // `fit` shortens the caption after drawing, because its width is unknown before.
    Object.assign(name, {room: px - 8, shorter: shorterCaptions(span.operation)});
    parts.push(name);
    if (shown) {
      const start = `at ${(span.operation.tMs / 1000).toFixed(2)} s`;
      const at = room > 22 ? `${start}, took ${millis(span.operation.tookMs)}` : start;
      return parts.push(s('text', {x: span.from, y: height - 3, class: 'muted'}, at));
    }
    const took = millis(span.operation.tookMs);
    const times = s('text', {x: span.from, y: height - 3, class: 'muted'}, `took ${took}, sent ${ago} ago`);
    parts.push(Object.assign(times, {room: px - 8, shorter: [took, '']}));
  });
  if (spans[0]?.operation.tMs <= store.forgotten.ownMs) {
    parts.push(s('text', {class: 'muted kind', x: label + 6, y: (cableTop + cableBottom) / 2 + 4},
      '◂ older messages are not kept'));
  }
  if (!shown) return parts;
  const {under, above} = violations.marks(store, shown, spans, Y, width), firstArrow = parts.find(isArrow);
  parts.splice(firstArrow ? parts.indexOf(firstArrow) : parts.length, 0, ...under);
  parts.push(...above);
  return parts;
}

const isArrow = part => part.classList.contains('arrow');
const more = store => violations.current(store).length - 1;

const caption = operation => `${operation.op === 'cas' ? 'compare-and-set' : operation.op}${
  operation.sent ? ` ${operation.sent}` : ''}: ${brief(operation)}`;

/** Shorter captions, such as `read ana`, `write bob` or `read 503`, and the same without the first word. */
function shorterCaptions({op, sent, status, value, conflicts}) {
  const what = status >= 400 ? `${status}` : conflicts?.length > 1 ? 'conflict' : sent ?? value ?? op;
  return [`${op} ${what}`, what];
}

function brief(operation) {
  const words = outcome(operation);
  return typeof words === 'string'
    ? words
    : words.map(word => typeof word === 'string' ? word : word.textContent).join(' ').trim();
}

function arrow(store, event, x, step, Y, cableTop, cableBottom) {
  const y1 = Y(event.from), y2 = Y(event.to),
        held = event.held || (event.kind === 'request' && event.operation.status === 0);
  const refused =
    (event.last && kindOf(event.operation) === 'no') || event.result === 'rejected' || event.result === 'error';
  let xEnd = x + step * .8, yEnd = y2;
  if (held) {
    yEnd = y1 < y2 ? Math.min(cableTop + 8, y2) : Math.max(cableBottom - 8, y2);
    if ((y1 < cableTop) === (y2 < cableTop)) yEnd = (y1 + y2) / 2;
    xEnd = x + (xEnd - x) * (yEnd - y1) / (y2 - y1);
  }
  const words = `${event.kind}${event.result ? ` ${event.result}` : ''}${event.value ? `, ${event.value}` : ''}, +${
    millis(event.tMs - event.operation.tMs)}`;
  const parts = [s('g', {class: `arrow ${
                           held        ? 'held'
                             : refused ? 'refused'
                                       : ''}`},
    s('title', {}, `${event.from} to ${event.to}: ${words}`), s('path', {d: `M${x} ${y1}L${xEnd} ${yEnd}`}),
    held ? s('path', {class: 'cross', d: `M${xEnd - 4} ${yEnd - 4}l8 8m0 -8l-8 8`}) : head(x, y1, xEnd, yEnd))];
  if (event.value && !held) {
    const dot = s('g', {
      class: `message ${look(event.value)}`,
      transform: `translate(${x + (xEnd - x) * .45} ${y1 + (yEnd - y1) * .45})`
    });
    dot.append(shape(look(event.value), 4));
    parts.push(dot);
  }
  if (event.last) {
    const kind = event.operation.conflicts?.length > 1 ? 'failed' : kindOf(event.operation);
    parts.push(mark(kind, xEnd + 7, yEnd, 5));
  }
  if (step > 34 && !event.first && !event.last && event.from.startsWith('app')) {
    parts.push(s('text', {class: 'muted kind', x: x + 3, y: y1 + (y2 > y1 ? 14 : -6)}, event.kind));
  }
  return parts;
}

function head(x1, y1, x2, y2) {
  const angle = Math.atan2(y2 - y1, x2 - x1),
        at = turn => `${x2 - 7 * Math.cos(angle + turn)} ${y2 - 7 * Math.sin(angle + turn)}`;
  return s('path', {class: 'head', d: `M${at(.4)}L${x2} ${y2}L${at(-.4)}z`});
}

/** A sentence that explains from the messages why this answer was given. */
function why(store, operation, which, messages) {
  const own = messages.filter(
    one => one.link.startsWith(`${operation.service}>`) && one.tMs <= operation.tMs + operation.tookMs + 1);
  const replied = new Set(
    own.filter(one => !one.toReplica && one.result !== 'error').map(one => one.link.split('>')[1].split('_').pop()));
  const total = store.replicas(which).length, names = [...replied].sort().join(', ').replace(/, (?=[^,]*$)/, ' and '),
        kind = kindOf(operation);
  const place = `${operation.service} (${operation.op}): `;
  if (which === 'cp') {
    if (kind === 'no' && !own.length)
      return `${place}refused at once, without a message: the service is connected to too few copies for a majority.`;
    if (kind === 'no')
      return `${place}refused, because ${replied.size} of ${total} copies replied${
        names ? ` (${names})` : ''}: no majority.`;
    if (kind === 'failed')
      return `${place}not applied, because the key is at version ${
        operation.version ?? 'unknown'}, not at the expected one.`;
    if (replied.size >= 2)
      return `${place}allowed, because ${names} replied: ${replied.size} of ${total} copies are a majority.`;
    return `${place}answered. ${own.length ? 'Some of its messages' : 'Its messages'} are ${
      operation.tMs <= store.forgotten.ownMs ? 'no longer kept' : 'not in the sample'}.`;
  }
  if (operation.conflicts?.length > 1) return `${place}returned both values: neither write had seen the other.`;
  if (kind === 'no') return `${place}refused, because no copy could be reached.`;
  if (operation.op === 'read') {
    const bound = operation.stalenessMs === null ? 'The answer may be old, and how old is not known yet.'
                                                 : `It ${mayMiss(operation.stalenessMs)}.`;
    return `${place}one copy is enough${names ? ` (${names})` : ''}. ${bound}`;
  }
  return `${place}one copy is enough${
    names ? ` (${names} stored it)` : ''}. The others receive it when they can be reached.`;
}
