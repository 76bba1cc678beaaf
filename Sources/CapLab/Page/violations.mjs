// Violations that the checkers found: the contradicting operations in one sentence, and as bars in the diagram.

import {count, h, s, short} from './dom.mjs';

/** The ids of the violations that the reader has dismissed. */
const dismissed = new Set();

/** The violations that the reader has not dismissed, the oldest first. */
export const current = store => (store.verdict?.violations ?? []).filter(one => !dismissed.has(one.id));

/** The operations of a violation as answers, so that the diagram can draw them. */
export const operations = violation => violation.operations.map(operation => ({
  ...operation,
  by: 'page',
  key: violation.key,
  status: operation.op === 'read' && operation.value === null ? 404 : 200,
  outcome: operation.op === 'read' ? null : 'applied',
  conflicts: [],
  stalenessMs: 0
}));

const value = words => words === null || words === undefined ? 'no value' : `“${short(words, 24)}”`;
const capital = words => words[0].toUpperCase() + words.slice(1);
const ended = operation => operation.tMs + operation.tookMs;
const versioned = operation => operation.version === null ? '' : ` (version ${operation.version})`;

/** A time on the lab's clock in seconds, with enough digits to differ from the other time. */
function clock(ms, other) {
  const digits = [1, 2, 3].find(one => (ms / 1000).toFixed(one) !== (other / 1000).toFixed(one)) ?? 3;
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** A change in words, such as `the write of “bob” (version 2)`. */
function deed(operation) {
  if (operation.op === 'delete') return `the delete${versioned(operation)}`;
  return `the write of ${value(operation.sent)}${versioned(operation)}`;
}

/** The violation in one sentence: site, operation and time, and what it contradicts. */
export function sentence(store, violation) {
  const site = operation => store.node(operation.service)?.site ?? operation.service;
  const last = violation.operations.at(-1), first = violation.operations[0];
  if (violation.kind === 'lost-write') {
    return `${capital(deed(last))} in the ${site(last)} was acknowledged at ${clock(ended(last), -1)}, ` +
      'but no copy has it, and nothing replaced it.';
  }
  if (violation.kind === 'same-version') {
    return `${capital(deed({...first, version: null}))} in the ${site(first)} at ${clock(first.tMs, last.tMs)} and ` +
      `${deed({...last, version: null})} in the ${site(last)} at ${clock(last.tMs, first.tMs)} were both ` +
      `acknowledged as version ${last.version}.`;
  }
  const at = clock(last.tMs, ended(first));
  const claim = last.op === 'read' ? `${capital(site(last))} read ${value(last.value)}${versioned(last)} at ${at}`
                                   : `${capital(deed(last))} in the ${site(last)} was acknowledged at ${at}`;
  if (violation.kind === 'stale-read') {
    const before = clock(ended(first), last.tMs);
    return first.op === 'read'
      ? `${claim}, but ${site(first)} had read ${value(first.value)}${versioned(first)} at ${before}.`
      : `${claim}, but ${deed(first)} in the ${site(first)} was acknowledged at ${before}.`;
  }
  const all = violation.operations.length;
  return `${claim}, which ${all > 1 ? `no order of these ${all} operations` : 'no write'} explains.`;
}

const TITLES = {
  'stale-read': 'Stale read',
  'same-version': 'Two changes, one version',
  'lost-write': 'Acknowledged write lost',
  contradiction: 'Not linearizable'
};
export const title = violation => TITLES[violation.kind] ?? TITLES.contradiction;

/** The sentence in a box, with a button that dismisses it. */
export function note(store, violation, changed, more) {
  return [
    h('b', {}, `✕ ${title(violation)}: `), sentence(store, violation), ' ',
    more > 0 && `${count(more, 'more violation')}. `,
    h('button', {
      'data-action': 'dismiss-violation',
      'data-focus': 'dismiss',
      onclick: () => {
        dismissed.add(violation.id);
        changed();
      }
    },
      'Dismiss')
  ];
}

/** The text in a bar: the value that was read, or that a change was acknowledged. */
const claim = operation => operation.op === 'read' ? `read ${value(operation.value)}` : 'acknowledged';

/**
 * The marks in the diagram: a bar per operation in the lane of its client, and a line from each bar to the last one,
 * which the others contradict. For a lost write, a cross in the lane of each copy.
 * @param spans the operations with their horizontal positions, in order
 * @param Y returns the vertical position of a lane
 * @returns `under`: the marks below the arrows, `above`: the marks above them
 */
export function marks(store, violation, spans, Y, width) {
  const under = [], above = [], isLost = violation.kind === 'lost-write';
  const bars = spans.map((span, index) => {
    const isCulprit = index === spans.length - 1, y = Y(`client ${store.node(span.operation.service)?.site}`);
    const words = `${isCulprit ? '✕' : '✓'} ${claim(span.operation)}`;
    const from = span.from - 5, to = Math.min(width - 2, Math.max(span.answered ?? span.to, span.from + words.length * 7));
    under.push(s('rect', {
      class: `bar ${isCulprit ? 'culprit' : 'evidence'}`,
      'data-violation': isCulprit ? 'culprit' : 'evidence',
      x: from,
      y: y - 8,
      width: to - from,
      height: 16,
      rx: 3
    }));
    above.push(s('text', {class: 'kind strong', x: (from + to) / 2, y: y + 4, 'text-anchor': 'middle'}, words));
    return {from, to, y};
  });
  const last = bars.at(-1);
  const lines = isLost ? store.replicas(violation.store).map(({name}) => [last.to, last.y, width - 20, Y(name)])
                       : bars.slice(0, -1).map(bar => [bar.to, bar.y, last.from, last.y]);
  for (const [x1, y1, x2, y2] of lines) {
    const [x, y] = isLost ? [x2, y2] : [(x1 + x2) / 2, (y1 + y2) / 2];
    above.push(s('path', {class: 'contradiction', d: `M${x1} ${y1}L${x2} ${y2}`}),
      s('path', {class: 'contradiction cross', d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12`}),
      isLost && s('text', {class: 'kind strong', x: width - 32, y: y2 - 5, 'text-anchor': 'end'}, 'not here'));
  }
  return {under, above: above.filter(Boolean)};
}
