// The verdict: the results of the checkers on the last operations. Promises that a store does not keep are shaded.

import {h, show, count, seconds, short} from './dom.mjs';
import {bySeverity} from './faults.mjs';
import {isReplay} from './recording.mjs';
import {explained} from './terms.mjs';
import * as violations from './violations.mjs';

/** A word with its first letter in bold: C, A or P. */
const initial = (word, name) => {
  const element = explained('', name);
  element.replaceChildren(h('b', {}, word[0]), word.slice(1));
  return element;
};

const percent = share => `${Math.floor(share * 100)}\u00a0%`;

/**
 * A cell of a promise. `holds`: true if the store keeps it now, false if not, null if unknown. `fault`: true if the
 * store must always keep this promise; false if it may give it up, as CAP allows.
 */
const cell = (holds, yes, no, small, name, fault = false) => h(
  'td', {
    class: holds !== false ? null
      : fault              ? 'fault'
                           : 'lost',
    'data-verdict': name,
    'data-holds': String(holds)
  },
  h('span', {class: 'verdict-mark'},
    holds === null ? '– not known'
      : holds      ? `✓ ${yes}`
      : fault      ? `✖ ${no}`
                   : `✕ ${no}`),
  h('small', {}, small));

function available(group, name, veiled, since) {
  if (veiled) return cell(null, '', '', 'hidden for now', name);
  const shares = Object.entries(group.available).filter(([, share]) => share !== null);
  if (!shares.length) return cell(null, '', '', `${since}: no request`, name);
  const worst = shares.filter(([, share]) => share < 1);
  return cell(!worst.length, 'yes', 'no',
    worst.length          ? `${since}: ${worst.map(([site, share]) => `${site} ${percent(share)}`).join(', ')} answered`
      : shares.length > 1 ? `${since}: all answered`
                          : `${since}: all in the ${shares[0][0]}`,
    name);
}

const WINDOW_MS = 10_000;
const BEGAN = {cut: 'cut', unreachable: 'cut', oneWay: 'cut', slow: 'delay', down: 'failure', paused: 'pause'};

/** The window of the counted answers in words: the last 10 s, or the time since the last change of the faults. */
function since(store) {
  const fromMs = store.verdict?.window?.faultsChangedMs ?? null, lastsMs = store.nowMs - fromMs;
  if (fromMs === null || lastsMs >= WINDOW_MS) return 'last 10 s';
  const at = field => store.faults.filter(fault => fault[field] !== null && Math.abs(fault[field] - fromMs) < 1);
  const [began] = bySeverity(at('fromMs')), ended = at('toMs');
  const word = began ? ended.length ? 'change' : BEGAN[began.kind] ?? 'fault' : 'heal';
  return `since the ${word}, ${seconds(lastsMs).replaceAll(' ', '\u00a0')}`;
}

/** The names of up to three keys, and the number of further ones. */
function named(keys, total = keys.length) {
  const names = keys.slice(0, 3).map(key => short(key, 12)), rest = total - names.length;
  if (!names.length) return count(total, 'key');
  return rest > 0 ? `${names.join(', ')} and ${rest.toLocaleString('en')} more` : listed(names);
}

/** Names as text: `a`, `a and b`, `a, b and c`. */
const listed = names =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0] ?? '';

/** The AP copies that do not answer, in words; 0 if all answer. */
function silent(store) {
  const names = store.replicas('ap')
                  .filter(({name}) => store.copies?.copies?.[name]?.reachable === false)
                  .map(({name}) => name.split('_').pop());
  return names.length && `${listed(names)} ${names.length === 1 ? 'does' : 'do'} not answer`;
}

function agrees(store, verdict, veiled) {
  if (veiled) return cell(null, '', '', 'hidden for now', 'ap-agrees');
  const conflicts = Math.max(0, ...store.services.map(service => store.state?.nodes[service.name]?.conflicts ?? 0));
  const diverged = verdict.diverged ?? [], inConflict = verdict.inConflict ?? [];
  const total = Math.max(conflicts, inConflict.length);
  if (verdict.converged === null) return cell(null, '', '', silent(store) || 'nothing to compare', 'ap-agrees');
  if (verdict.converged === false) {
    return cell(false, '', 'no', `differ${diverged.length === 1 ? 's' : ''}: ${
                                 named(diverged, verdict.divergedCount ?? diverged.length)}`, 'ap-agrees');
  }
  return total ? cell(false, '', 'no', `in conflict: ${named(inConflict, total)}`, 'ap-agrees')
               : cell(true, 'yes', '', 'copies equal now', 'ap-agrees');
}

/** The line about partitions: whether one exists now. */
function partition(store) {
  const cables = ['cp', 'ap'].map(group => store.cable(group));
  if (!store.knowsDirections && cables.some(cable => cable.cut !== 'no')) {
    const which = cables.every(cable => cable.cut === 'all') ? 'no answers' : 'some links give no answer';
    return `now: ${which} between the sites (one direction or both are lost)`;
  }
  if (cables.every(cable => cable.cut === 'all')) return 'now: east and west are cut off';
  if (cables.some(cable => cable.cut !== 'no')) return 'now: some messages are lost';
  // A node that is down, or a slow link, is no partition.
  const [worst, ...others] = bySeverity(store.activeFaults);
  if (!worst) return 'none now';
  return `none now, but ${worst.label}${others.length ? `, ${count(others.length, 'more fault')}` : ''}`;
}

function consistency(cp) {
  const words = explained('linearizable', 'linearizable');
  const last = `the last ${count(cp.operations, 'operation')} checked`;
  if (cp.linearizable === null) return cell(null, '', '', 'nothing to check', 'cp-agrees');
  return cell(cp.linearizable, 'yes', 'violated',
    h('span', {title: last}, cp.linearizable ? null : 'not ', words), 'cp-agrees', true);
}

function lostWrites(store, ap) {
  const lost = Math.max(ap.lost ?? 0, (store.verdict.violations ?? []).filter(one => one.store === 'ap').length);
  const {operations, perKey} = store.verdict.window ?? {};
  if (ap.lost === null && !lost) {
    return cell(null, '', '', ap.acknowledged ? silent(store) || 'not compared yet' : 'no write yet', 'ap-lost');
  }
  if (!ap.acknowledged && !lost) return cell(null, '', '', 'no write yet', 'ap-lost');
  const words = `of ${ap.acknowledged > 1 ? 'the last ' : ''}${count(ap.acknowledged, 'write')}`;
  const title = operations && `Acknowledged writes among the last ${operations.toLocaleString('en')} changes, at most ${
                                perKey} per key`;
  return cell(lost === 0, '0', `${lost.toLocaleString('en')} lost`, h('span', {title}, words), 'ap-lost', true);
}

export function draw(root, store, veiled, changed) {
  const verdict = store.verdict,
        hidden = group => store.services.some(one => one.group === group && veiled.has(one.name));
  const conflicts = store.services.map(service => store.state?.nodes[service.name]?.conflicts ?? 0);
  const fault = partition(store), found = violations.current(store), quiet = silent(store), from = since(store);
  const signature =
    [verdict && {...verdict, tMs: 0}, fault, hidden('cp'), hidden('ap'), conflicts, found.length, quiet, from];
  show(root, signature, () => {
    const window = verdict?.window;
    const head = h('div', {class: 'head'}, h('h2', {}, 'Verdict'),
      h('span', {class: 'note'},
        (isReplay ? 'as it was at this moment' : window ? '' : 'on the live history') +
          (window ? `${isReplay ? ', ' : ''}last ${window.operations.toLocaleString('en')} operations, ${
                      window.perKey} per key`
                  : '')));
    if (!verdict) return [head, h('p', {class: 'muted'}, 'Waiting for the checkers.')];
    const {cp, ap} = verdict;
    return [
      head,
      h('table', {},
        h('thead', {},
          h('tr', {}, h('td'), h('th', {scope: 'col'}, explained('CP', 'cp')),
            h('th', {scope: 'col'}, explained('AP', 'ap')))),
        h('tbody', {},
          h('tr', {}, h('th', {scope: 'row'}, initial('Consistency', 'consistency')), consistency(cp),
            agrees(store, ap, hidden('ap'))),
          h('tr', {}, h('th', {scope: 'row'}, initial('Availability', 'availability')),
            available(cp, 'cp-available', hidden('cp'), from), available(ap, 'ap-available', hidden('ap'), from)),
          h('tr', {}, h('th', {scope: 'row'}, initial('Partition', 'partition')),
            h('td', {colspan: 2, 'data-verdict': 'partition'}, fault)),
          h('tr', {}, h('th', {scope: 'row'}, explained('Writes lost', 'lost')),
            cp.linearizable === false ? cell(null, '', '', 'see the violation', 'cp-lost')
                                      : cell(cp.linearizable, '0', '', h('span', {}, 'follows from ', explained('linearizable', 'nolost')), 'cp-lost'),
            lostWrites(store, ap)))),
      found.length > 0 &&
        h('p', {class: 'violation', role: 'alert'}, violations.note(store, found[0], changed, found.length - 1))
    ];
  });
}
