// The report on a recorded run: title, summary, the promises that each store kept, all figures, the data.

import {$, count, duration, h, mayMiss, millis} from './dom.mjs';
import {faultPhase, kept, percent, share, slower, story} from './story.mjs';
import {explained} from './terms.mjs';

const PHASES = {
  before: 'before',
  during: 'during',
  after: 'after'
};
/** If a smaller share of requests than this was answered, the cell is shaded. */
const FULL = .99;

/** The services in the order of the map: CP above AP, east before west. */
const inOrder = services => [...services].sort((a, b) => b.group.localeCompare(a.group) ||
  a.site.localeCompare(b.site));
const placeOf = service => `${service.group.toUpperCase()} ${service.site}`;

/**
 * A cell of a promise. `holds`: true if the store kept it, false if not, null if unknown. `look` of a promise that was
 * not kept: `lost` if the store gives it up as CAP allows, `violated` if it must keep it.
 */
const cell = (holds, yes, no, small, name, look = 'lost') =>
  h('td', {class: holds === false ? look : null, 'data-kept': name, 'data-holds': String(holds)},
    h('span', {class: 'verdict-mark'}, holds === null ? '– not known' : holds ? `✓ ${yes}` : `✕ ${no}`),
    small && h('small', {}, small));

const LETTERS = 'C, consistency: all readers see one value. A, availability: every request gets an answer. ' +
  'P, partition: the sites cannot reach each other. During P, a store keeps C or A.';

/** What the columns of the figures count, for those whose names do not explain it. */
const MEANINGS = [
  ['refused', 'the service replied that it cannot answer now, and did nothing'],
  [
    'errors',
    'no reply within the 3 s that a client waits, or a reply that does not say whether the change was made, or not ' +
      'sent because 64 requests to this service were already waiting'
  ],
  ['p50, p99', 'of the answered requests only; a refusal is fast and would hide slow answers'],
  [
    'answers marked stale',
    'AP reads that may miss writes of more than the last 5 s; all other answers are reads with a lower bound, as in ' +
      'the first seconds of a cut, or changes, which have no such mark'
  ],
  ['staleness', 'an AP read may miss writes of this last time; it is a bound, and no age of the value']
];

/** Builds the report beside the map and the table of all figures. */
export function build(recording) {
  const {drill, summary} = recording;
  document.body.classList.add('report');
  document.title = `${drill.title}: CAP lab report`;
  for (const id of ['report', 'numbers', 'step']) $(`#${id}`).hidden = false;
  for (const id of ['tour', 'dock']) $(`#${id}`).hidden = true;
  const skip = $('.skip');
  skip.href = '#report';
  skip.textContent = 'Skip to the report';
  $('#report').replaceChildren(...[
    h('h2', {}, drill.title), h('p', {class: 'story', id: 'story'}, story(recording)), violations(summary), h('p', {class: 'muted'}, LETTERS),
    promises(summary), answered(summary), about(recording)
  ].filter(Boolean));
  $('#numbers').replaceChildren(h('div', {class: 'head'}, h('h2', {}, 'All figures'),
                                  h('span', {class: 'note'}, 'of the whole run, not a sample')),
    h('div', {class: 'wide-table'}, figures(summary)), h('dl', {class: 'meanings'}, MEANINGS.map(
      ([name, words]) => h('div', {}, h('dt', {}, name), h('dd', {}, words)))));
}

/** A sentence in which long numbers have separators, such as 12,345. */
const grouped = words => words?.replace(/\b\d{4,}\b/g, digits => Number(digits).toLocaleString('en'));

function linearizable({linearizable: holds, linearizableDetail}) {
  const small = holds === null ? grouped(linearizableDetail)
    : explained(holds ? 'linearizable' : 'not linearizable', 'linearizable');
  return cell(holds, 'always', 'broken', small, 'cp-one-value', 'violated');
}

/** A row of the promises that has one cell for the whole run. */
const wide = (holds, head, words, small, name) => h('tr', {}, h('th', {scope: 'row'}, head),
  h('td', {colspan: 2, class: holds === false ? 'violated' : null, 'data-kept': name, 'data-holds': String(holds)},
    h('span', {class: 'verdict-mark'}, holds === null ? '– nothing to check' : words), h('small', {}, small)));

/** Words about lost writes that are no violation: a killed replica may lose writes that it has not synced to disk. */
const lostWithReplicas = ({lostWithReplicas: number}) =>
  number > 0 && `; ${number.toLocaleString('en')} more went with killed replicas that had not synced them to disk`;

/** A table of the promises that each store kept and did not keep during the fault. */
function promises(summary) {
  const at = faultPhase(summary), cp = kept(summary, 'cp', at), ap = kept(summary, 'ap', at);
  const available = (store, name) => cell(!store.short.length, 'always', 'not always',
    store.short.map(one => `${one.site}: ${percent(one.share)} answered`).join(', '), name);
  const prices = [
    summary.conflicts > 0 && `${count(summary.conflicts, 'key')} with two values`,
    ap.oldestMs > 1000 && `answers ${mayMiss(ap.oldestMs)}`
  ].filter(Boolean).join(', ');
  const agreed = typeof summary.convergedInMs === 'number';
  return h('table', {class: 'promises'},
    h('thead', {}, h('tr', {}, h('td', {}, 'promise'),
      cp.asked && h('th', {scope: 'col'}, explained('CP', 'cp')),
      ap.asked && h('th', {scope: 'col'}, explained('AP', 'ap')))),
    h('tbody', {},
      h('tr', {}, h('th', {scope: 'row'}, explained('C: one value', 'consistency')), cp.asked && linearizable(summary),
        ap.asked && cell(!prices, 'always', 'not always', prices, 'ap-one-value')),
      h('tr', {}, h('th', {scope: 'row'}, explained('A: an answer', 'availability')),
        cp.asked && available(cp, 'cp-answer'), ap.asked && available(ap, 'ap-answer')),
      ap.asked && wide(summary.acknowledgedWrites ? summary.lostWrites === 0 : null, explained('No write lost', 'lost'),
        summary.lostWrites ? `✕ ${summary.lostWrites.toLocaleString('en')} lost` : '✓ none lost',
        [`of ${count(summary.acknowledgedWrites, 'acknowledged AP write')}`, lostWithReplicas(summary),
          cp.asked && summary.linearizable && '; CP: none, as every answer is linearizable'],
        'writes'),
      ap.asked && wide(agreed, 'Equal again',
        agreed ? `✓ ${duration(summary.convergedInMs)} after the heal` : '✕ not seen',
        agreed ? 'all AP copies hold the same values, conflicts included' : 'the AP copies were not equal before the end', 'converged')));
}

/** The share of answered requests by service and phase. Below each share: errors, refusals, staleness and latency. */
function answered(summary) {
  return h('table', {class: 'answered'},
    h('thead', {}, h('tr', {}, h('td', {}, 'answered'),
      summary.phases.map(phase => h('th', {scope: 'col'}, PHASES[phase.name] ?? phase.name)))),
    h('tbody', {}, inOrder(summary.services).map(service => h('tr', {class: service.group},
      h('th', {scope: 'row', title: service.name}, placeOf(service)),
      service.phases.map((phase, at) => {
        const value = share(phase);
        return h('td', {
          class: value !== null && value < FULL ? 'lost' : null,
          'data-answered': `${service.name}:${summary.phases[at]?.name}`
        },
          h('b', {}, percent(value)), h('small', {}, priceOf(phase, service.phases[0], summary.phases[at]?.name)));
      })))));
}

/** The text below a share of answered requests. */
function priceOf(phase, before, name) {
  const slow = slower(phase, before);
  return [
    phase.failed > 0 && explained(count(phase.failed, 'error'), 'error'),
    phase.refused > 0 && `${phase.refused.toLocaleString('en')} refused`,
    phase.maxStalenessMs > 1000 && `${name === 'after' ? 'at first ' : ''}${mayMiss(phase.maxStalenessMs)}`,
    slow && `${slow.word} ${millis(slow.ms)}`
  ].filter(Boolean).flatMap((part, at) => at ? [', ', part] : [part]);
}

const violations = summary => summary.violations?.length > 0 &&
  h('div', {class: 'violation', role: 'alert', tabindex: 0}, h('b', {}, 'A guarantee was violated'),
    h('ul', {}, summary.violations.map(words => h('li', {}, words))));

function about(recording) {
  const {drill, summary} = recording;
  const date = new Date(recording.recordedAt);
  const words = Number.isNaN(date.getTime())
    ? recording.recordedAt
    : date.toISOString().replace('T', ' ').replace(/:\d\d\.\d+Z/, ' UTC');
  return h('div', {class: 'about'}, h('p', {}, drill.description),
    h('p', {class: 'muted'}, `Recorded ${words} from real processes, version ${recording.version}. `,
      summary.linearizableDetail && `Linearizability: ${grouped(summary.linearizableDetail)}. `, leftOut(recording)),
    h('p', {class: 'links'}, h('a', {id: 'data', href: '#', onclick: event => download(event, recording)},
      'Data as JSON')));
}

function leftOut({leftOut}) {
  if (!leftOut || (!leftOut.messages && !leftOut.answers)) return '';
  return `The replay leaves out ${count(leftOut.messages, 'message')} and ${
    count(leftOut.answers, 'answer')} of the load; the figures count all of them.`;
}

/** Downloads the recording as a file. */
function download(event, recording) {
  const link = event.currentTarget;
  link.download = `${recording.drill.name}.json`;
  if (!link.href.startsWith('blob:'))
    link.href = URL.createObjectURL(new Blob([JSON.stringify(recording)], {type: 'application/json'}));
}

/** Every figure of the summary, one line per service and phase. */
function figures(summary) {
  const heads = ['service', 'phase', 'requests', 'answered', 'refused', 'errors', 'p50', 'p99', 'answers marked stale',
    'staleness, at most'];
  const number = value => (value ?? 0).toLocaleString('en');
  const line = (service, phase, at) => {
    const ap = service.group === 'ap';
    return h('tr', {class: at === 0 ? 'first' : null},
      at === 0 && h('th', {scope: 'rowgroup', rowspan: service.phases.length}, h('b', {}, placeOf(service)),
        h('small', {}, service.name)),
      h('th', {scope: 'row'}, PHASES[summary.phases[at]?.name] ?? summary.phases[at]?.name ?? ''),
      [
        number(phase.requests), h('b', {}, percent(share(phase))), number(phase.refused), number(phase.failed),
        millis(phase.p50Ms), millis(phase.p99Ms), number(phase.stale),
        ap && phase.maxStalenessMs !== null ? duration(phase.maxStalenessMs) : '–'
      ].map(words => h('td', {}, words)));
  };
  return h('table', {class: 'figures'},
    h('thead', {}, h('tr', {}, heads.map(words => h('th', {scope: 'col'}, words)))),
    inOrder(summary.services).map(service => h('tbody', {class: service.group},
      service.phases.map((phase, at) => line(service, phase, at)))));
}
