// The verdict: the checkers' results on the live history. The lost promise of each store is shaded.

import {h, show, count, short} from './dom.mjs';
import {isReplay} from './recording.mjs';
import {explained} from './terms.mjs';

/** The letter of CAP in bold. */
const initial = (word, name) => {
  const element = explained('', name);
  element.replaceChildren(h('b', {}, word[0]), word.slice(1));
  return element;
};

const percent = share => `${Math.floor(share * 100)} %`;

/** One cell: true keeps the promise, false loses it, null is not known. */
const cell = (holds, yes, no, small, name) =>
  h('td', {class: holds === false ? 'lost' : null, 'data-verdict': name, 'data-holds': String(holds)},
    h('span', {class: 'verdict-mark'},
      holds === null ? '– not known'
        : holds      ? `✓ ${yes}`
                     : `✕ ${no}`),
    h('small', {}, small));

function available(group, name, veiled) {
  if (veiled) return cell(null, '', '', 'hidden for now', name);
  const shares = Object.entries(group.available).filter(([, share]) => share !== null);
  if (!shares.length) return cell(null, '', '', 'no request', name);
  const worst = shares.filter(([, share]) => share < 1);
  return cell(!worst.length, 'yes', 'no',
    worst.length ? `last 10 s: ${worst.map(([site, share]) => `${site} ${percent(share)}`).join(', ')} answered`
      : shares.length > 1 ? 'last 10 s: all answered'
                          : `last 10 s: all in the ${shares[0][0]}`,
    name);
}

function agrees(store, verdict, veiled) {
  if (veiled) return cell(null, '', '', 'hidden for now', 'ap-agrees');
  const conflicts = Math.max(0, ...store.services.map(service => store.state?.nodes[service.name]?.conflicts ?? 0));
  const keys = verdict.diverged ?? [];
  if (verdict.converged === null) return cell(null, '', '', 'nothing to compare', 'ap-agrees');
  if (verdict.converged === false) {
    return cell(false, '', 'no',
      keys.length === 1 ? `${short(keys[0], 12)} differs` : `${count(keys.length, 'key')} differ`, 'ap-agrees');
  }
  return conflicts ? cell(false, '', 'no', `${count(conflicts, 'key')} in conflict`, 'ap-agrees')
                   : cell(true, 'yes', '', 'copies equal now', 'ap-agrees');
}

/** One line that says where P stands. */
function partition(store) {
  const cables = ['cp', 'ap'].map(group => store.cable(group));
  if (cables.every(cable => cable.cut === 'all')) return 'now: east and west are cut off';
  if (cables.some(cable => cable.cut !== 'no')) return 'now: some messages are lost';
  // A node that is down, or a slow link, is no partition.
  return store.activeFaults.length ? `none now, but ${store.activeFaults.at(-1).label}` : 'none now';
}

export function draw(root, store, veiled) {
  const verdict = store.verdict,
        hidden = group => store.services.some(one => one.group === group && veiled.has(one.name));
  const conflicts = store.services.map(service => store.state?.nodes[service.name]?.conflicts ?? 0);
  const fault = partition(store);
  show(root, [verdict && {...verdict, tMs: 0}, fault, hidden('cp'), hidden('ap'), conflicts], () => {
    const head = h('div', {class: 'head'}, h('h2', {}, 'Verdict'),
      h('span', {class: 'note'}, isReplay ? 'as it was at this moment' : 'on the live history'));
    if (!verdict) return [head, h('p', {class: 'muted'}, 'Waiting for the checkers.')];
    const {cp, ap} = verdict;
    return [
      head,
      h('table', {},
        h('thead', {},
          h('tr', {}, h('td'), h('th', {scope: 'col'}, explained('CP', 'cp')),
            h('th', {scope: 'col'}, explained('AP', 'ap')))),
        h('tbody', {},
          h('tr', {}, h('th', {scope: 'row'}, initial('Consistency', 'consistency')),
            cell(cp.linearizable, 'yes', 'no',
              cp.linearizable === null ? 'nothing to check'
                                       : h('span', {title: `${count(cp.operations, 'operation')} checked`},
                                           explained('linearizable', 'linearizable')),
              'cp-agrees'),
            agrees(store, ap, hidden('ap'))),
          h('tr', {}, h('th', {scope: 'row'}, initial('Availability', 'availability')),
            available(cp, 'cp-available', hidden('cp')), available(ap, 'ap-available', hidden('ap'))),
          h('tr', {}, h('th', {scope: 'row'}, initial('Partition', 'partition')),
            h('td', {colspan: 2, 'data-verdict': 'partition'}, fault)),
          h('tr', {}, h('th', {scope: 'row'}, explained('Writes lost', 'lost')),
            cell(cp.linearizable === null ? null : cp.linearizable, '0', 'see below', 'as linearizable', 'cp-lost'),
            cell(ap.acknowledged ? ap.lost === 0 : null, '0', `${ap.lost}`, `of ${count(ap.acknowledged, 'write')}`,
              'ap-lost')))),
      cp.violation && h('p', {class: 'violation', role: 'alert'}, h('b', {}, 'Not linearizable: '), cp.violation)
    ];
  });
}
