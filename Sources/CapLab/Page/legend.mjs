// The legend: every state of every element.

import {$, badge, h, s, tag} from './dom.mjs';
import {isReplay} from './recording.mjs';

const picture = (...parts) => s('svg', {viewBox: '0 0 76 30', width: 76, height: 30, 'aria-hidden': 'true'}, parts);
const line = (d, kind = 'ink') => s('path', {class: `l-${kind}`, d});
const entry = (picture, words) => h('div', {class: 'entry'}, picture, h('span', {}, words));
const box = kind => s('rect', {class: `l-box ${kind}`, x: 14, y: 3, width: 48, height: 24, rx: 6});
const lever =
  angle => [line('M2 15H24M52 15H74', 'thin'), line(`M24 15l${28 * Math.cos(angle)} ${28 * Math.sin(angle)}`, 'arm'),
    s('circle', {class: 'l-dot', cx: 24, cy: 15, r: 3.5}), s('circle', {class: 'l-dot', cx: 52, cy: 15, r: 3.5})];

const rows = () => ({
  'Links': [
    entry(picture(line('M2 8H74M2 15H74M2 22H74')), 'whole'),
    entry(picture(s('path', {class: 'rift', d: 'M22 0L28 10L22 20L28 30H54L48 20L54 10L48 0z'}),
            line('M2 8q10 0 14 -4M2 15H18M2 22q10 0 14 4M74 8q-10 0 -14 -4M74 15H60M74 22q-10 0 -14 4')),
      'cut: nothing arrives'),
    entry(picture(s('path', {class: 'rift unknown', d: 'M22 1L28 10L22 20L28 29H54L48 20L54 10L48 1z'}),
            line('M2 8q10 0 14 -4M2 15H18M2 22q10 0 14 4M74 8q-10 0 -14 -4M74 15H60M74 22q-10 0 -14 4')),
      'no answer: one direction or both are lost (read-only page of Compose)'),
    entry(picture(line('M2 22H70M62 16l8 6l-8 6'), line('M74 8H44', 'lost'), line('M32 3l10 10m0 -10l-10 10', 'fault')),
      'one way: the other direction is lost'),
    entry(picture(line('M2 15q6 -14 12 0t12 0t12 0t12 0t12 0t12 0')), 'slow: delay in each direction')
  ],
  'Nodes': [
    entry(picture(box('')), 'running'), entry(picture(box('paused'), line('M34 10V20M42 10V20')), 'paused'),
    entry(picture(box('ended'), line('M33 10l10 10m0 -10l-10 10', 'fault')), 'down, or no answer'),
    entry(picture(box('learner')), 'learner: being filled, does not vote')
  ],
  'Services': [
    entry(h('span', {class: 'pips'}, h('i', {class: 'on'}), h('i', {class: 'on'}), h('i')), 'reaches 2 of 3 copies'),
    entry(picture(lever(0)), 'breaker closed'), entry(picture(lever(-.25)), 'breaker half open: one trial'),
    entry(picture(lever(-.5)), 'breaker open, because calls failed: nothing is sent')
  ],
  'Answers': [
    entry(badge('ok'), 'current; in AP, only writes of the last 1 s may be missing'),
    entry(badge('old'), 'may be old: “may miss the last 5 s” is a bound, not the value’s age'),
    entry(badge('no'), 'refused: not an error, nothing wrong was returned'),
    entry(badge('error'), 'error, or no reply'), entry(badge('failed'), 'conflict, or version differs')
  ],
  'Values': [
    entry(tag('ana'), 'blue with a circle'), entry(tag('bob'), 'yellow with a square'),
    entry(tag('free'), 'other values: grey, told apart by shape and name'), entry(tag(null), 'no value')
  ],
});

export function build(dialog) {
  dialog.replaceChildren(h('div', {class: 'head'}, h('h2', {}, 'Legend'), h('span', {class: 'grow'}),
                           h('button', {id: 'legend-close', onclick: () => dialog.close()}, 'Close')),
    h('p', {},
      'Two separate stores, one drawn above the other, with three copies each: six replicas in all. ' +
        'Services talk to replicas; replicas never talk to each other. ' +
        'Real messages travel in slow motion; if there are many, a sample is shown, and the map says so.'),
    h('div', {class: 'sheet'},
      Object.entries(rows()).map(([name, entries]) => [h('h3', {}, name), h('div', {class: 'entries'}, entries)])),
    h('p', {class: 'muted'},
      isReplay ? 'Keys: space plays and pauses, arrow right and left move by 1 s, with shift by 5 s, ' +
          'p is presenter mode, Escape closes a menu.'
               : 'Keys: arrow right and left move the tour, 1 to 4 choose an answer, c cuts and heals, ' +
          'p is presenter mode, Escape closes a menu.'));
  $('#legend-open').addEventListener('click', () => dialog.showModal());
}
