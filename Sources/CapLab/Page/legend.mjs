// The legend: how each state of each element of the page is drawn.

import {$, badge, h, s, tag, unequal} from './dom.mjs';
import {shape} from './motion.mjs';
import {isReplay} from './recording.mjs';
import {LEVER_ANGLE} from './wires.mjs';

const picture = (...parts) => s('svg', {viewBox: '0 0 76 30', width: 76, height: 30, 'aria-hidden': 'true'}, parts);
const line = (d, kind = 'ink') => s('path', {class: `l-${kind}`, d});
const entry = (picture, words) => h('div', {class: 'entry'}, picture, h('span', {}, words));
const box = kind => s('rect', {class: `l-box ${kind}`, x: 14, y: 3, width: 48, height: 24, rx: 6});
/** The same switch as on the map. */
const lever = state => {
  const angle = -LEVER_ANGLE[state], far = state === 'closed' ? '' : 'far';
  return [
    line('M2 15H24M52 15H74', 'thin'),
    line(`M24 15l${28 * Math.cos(angle)} ${28 * Math.sin(angle) * .6}`, state === 'half_open' ? 'arm half' : 'arm'),
    s('circle', {class: 'l-dot', cx: 24, cy: 15, r: 3.5}), s('circle', {class: `l-dot ${far}`, cx: 52, cy: 15, r: 3.5})
  ];
};
/** A message as it is drawn on the map. */
const message = (kind, value = 'none', r = 5) => {
  const node = s('g', {class: `message ${kind}`, transform: 'translate(38 15)'});
  node.append(kind === 'held' ? s('path', {d: 'M-5 -5L5 5M5 -5L-5 5'}) : shape(value, r));
  return picture(node);
};

const rows = store => ({
  'Links': [
    entry(picture(line('M2 8H74M2 15H74M2 22H74')), 'whole'),
    entry(picture(s('path', {class: 'rift', d: 'M22 0L28 10L22 20L28 30H54L48 20L54 10L48 0z'}),
            line('M2 8q10 0 14 -4M2 15H18M2 22q10 0 14 4M74 8q-10 0 -14 -4M74 15H60M74 22q-10 0 -14 4')),
      'cut: nothing arrives'),
    !store.knowsDirections &&
      entry(picture(s('path', {class: 'rift unknown', d: 'M22 1L28 10L22 20L28 29H54L48 20L54 10L48 1z'}),
              line('M2 8q10 0 14 -4M2 15H18M2 22q10 0 14 4M74 8q-10 0 -14 -4M74 15H60M74 22q-10 0 -14 4')),
      'no answer: one direction or both are lost'),
    entry(picture(line('M2 22H70M62 16l8 6l-8 6'), line('M74 8H44', 'lost'), line('M32 3l10 10m0 -10l-10 10', 'fault')),
      'one way: the other direction is lost'),
    entry(picture(line('M2 15q6 -14 12 0t12 0t12 0t12 0t12 0t12 0')), 'slow: delay in each direction')
  ],
  'Nodes': [
    entry(picture(box('')), 'running'),
    entry(picture(box('mute')), 'refuses: runs, but reaches too few copies'),
    entry(picture(box(''), s('rect', {class: 'l-box inner', x: 18, y: 7, width: 40, height: 16, rx: 3}),
            line('M35 11V19M41 11V19', 'thin')), 'paused'),
    entry(picture(box('ended'), line('M33 10l10 10m0 -10l-10 10', 'fault')), 'down, or no answer'),
    entry(picture(box('learner')), 'learner: being filled, does not vote'),
    entry(h('small', {}, 'withheld'), 'this copy has the value, but its service has no majority and does not return it')
  ],
  'Services': [
    entry(h('span', {class: 'pips'}, h('i', {class: 'on'}), h('i', {class: 'on'}), h('i')), 'reaches 2 of 3 copies'),
    entry(h('span', {class: 'hint'}, 'g3: 2'),
      'hints for g3: 2 writes, stored for a copy that cannot be reached, and delivered when it is back'),
    entry(picture(lever('closed')), 'breaker closed'),
    entry(picture(lever('half_open')), 'breaker half open: one trial'),
    entry(picture(lever('open')), 'breaker open, because calls failed: nothing is sent')
  ],
  'Answers': [
    entry(badge('ok'), 'current; in AP, only writes of the last 1 s may be missing'),
    entry(badge('old'), 'may be old: “may miss the last 5 s” is a bound, not the value’s age'),
    entry(badge('no'), 'refused: not an error, nothing wrong was returned'),
    entry(badge('error'), 'error, or no reply'),
    entry(badge('failed'), 'conflict, or the version differs'),
    entry(picture(s('circle', {class: 'l-circle', cx: 38, cy: 15, r: 13}), line(unequal(38, 15, 13), 'thin')),
      'between the sites: they return different values')
  ],
  ...store.hello?.messages !== false && {
    'Messages': [
      entry(picture(line('M2 15H74', 'thin')), 'link of a service to a replica'),
      entry(picture(line('M2 15H74', 'door')), 'to the large block: the client of the service'),
      entry(message('ana', 'ana'), 'carries a value, in its shape and colour'),
      entry(message('diamond', 'diamond'), 'carries another value: diamond, bar or ring'),
      entry(message(''), 'carries no value'), entry(message('refused'), 'a refusal'),
      entry(message('background', 'none', 3.5), 'probes and repair, pale and small'),
      entry(message('held'), 'lost here: held back by the cut')
    ]
  },
  'Values': [
    entry(tag('ana'), 'blue with a circle'), entry(tag('bob'), 'yellow with a square'),
    entry(tag('free'), 'other values: grey, told apart by shape and name'), entry(tag(null), 'no value')
  ],
});

export function build(dialog, store) {
  $('#legend-open').addEventListener('click', () => {
    // Built only now, because the entries depend on the event `hello`.
    fill(dialog, store);
    dialog.showModal();
  });
}

function fill(dialog, store) {
  dialog.replaceChildren(h('div', {class: 'head'}, h('h2', {}, 'Legend'), h('span', {class: 'grow'}),
                           h('button', {id: 'legend-close', onclick: () => dialog.close()}, 'Close')),
    h('p', {},
      'Two separate stores, one drawn above the other, with three copies each: six replicas in all. ' +
        'Services talk to replicas; replicas never talk to each other. ' +
        (store.hello?.messages === false
          ? '' : 'Real messages travel in slow motion; if there are many, a sample is shown, and the map says so.')),
    h('div', {class: 'sheet'},
      Object.entries(rows(store)).map(([name, entries]) => [h('h3', {}, name), h('div', {class: 'entries'}, entries)])),
    h('p', {class: 'muted'},
      isReplay ? 'Keys: space plays and pauses, arrow right and left move by 1 s, with shift by 5 s, ' +
          'p is presenter mode, Escape closes a menu.'
               : 'Keys: arrow right and left move the tour, 1 to 4 choose an answer, c cuts and heals, ' +
          'p is presenter mode, Escape closes a menu.'));
}
