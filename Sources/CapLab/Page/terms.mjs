// Short explanations of terms, shown on hover and on focus.

import {$, h} from './dom.mjs';

const TERMS = {
  cp: 'CP: consistent under partition. If the network is cut, it refuses requests that it cannot answer correctly.',
  ap:
    'AP: available under partition. Any reachable copy answers, so two sites may return different values for a while.',
  consistency: 'C in CAP: every read returns the latest write, as if there were one copy (linearizable).',
  availability: 'A in CAP: every request to a running service gets an answer that is not a refusal.',
  partition: 'P in CAP: some machines run but cannot reach each other. Networks partition, so P is not a choice.',
  majority:
    'More than half of the copies: 2 of 3. Two majorities always share a copy, so they cannot decide differently.',
  linearizable: 'Operations appear to happen one at a time, on one copy, in an order that respects real time.',
  lost:
    'An acknowledged write is lost if it is neither the value, nor a conflict beside it, nor replaced by a client ' +
    'that has seen it.',
  nolost:
    'If the answers are linearizable, no acknowledged write is lost: every later read would have to return it, or a ' +
    'later write.',
  error:
    'Error: no reply within the 3 s that a client waits, or a reply that does not say whether the change was made.',
  promised: 'Promised: the highest ballot that this replica answered. It rejects lower ones (Paxos, phase 1).',
  accepted: 'Accepted: the ballot of the value that this replica stores (Paxos, phase 2).',
  ballot: 'Ballot: the number of one attempt to read or change the key. Ballots are ordered; higher ones win.',
  version: 'Version: the number of the key’s last change. Compare-and-set names the version that it replaces.',
  dot: 'Dot: the unique name of one write: the replica that coordinated it, and a counter.',
  vector: 'Version vector: per replica, the counter of the last write that is included. A write above it was not seen.',
  hints:
    'Hints: changes stored on a reachable replica for one that cannot be reached. They are delivered after the heal.',
  staleness:
    'Staleness: the answer may miss writes of this last time, and has all earlier ones. It is no age of the value.',
  breaker: 'Circuit breaker: after failures, a service stops sending to a replica (open) and tests it now and then.',
  cas: 'Compare-and-set: write only if the key is still at the version that was read. Needs a majority.',
  context: 'X-Context: the version that a client has read. A write with it replaces exactly the values that were seen.',
  p99: 'p99: 99 % of the requests of that second were answered faster. p50: half of them.',
};
const ALIASES = {
  dots: 'dot',
  vv: 'vector',
  promise: 'promised',
  conflict: 'context'
};

export const explanation = name => TERMS[name] ?? TERMS[ALIASES[name]];

/** Marks an element as a term: focusable, with an explanation. */
export function term(element, name) {
  if (!explanation(name)) return element;
  element.classList.add('term');
  element.dataset.term = name;
  element.tabIndex = 0;
  element.setAttribute('aria-describedby', 'tip');
  return element;
}

export const explained = (words, name) => term(h('span', {}, words), name);

/** Shows the explanation of the term under the pointer or with the focus. */
export function listen() {
  const tip = $('#tip');
  const hide = () => {
    tip.hidden = true;
  };
  const reveal = event => {
    const element = event.target.closest?.('[data-term]');
    if (!element) return hide();
    tip.textContent = explanation(element.dataset.term);
    tip.hidden = false;
    const box = element.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const below = box.bottom + 8 + own.height < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    tip.style.top = `${below ? box.bottom + 8 : box.top - own.height - 8}px`;
  };
  document.addEventListener('pointerover', reveal);
  document.addEventListener('focusin', reveal);
  document.addEventListener('focusout', hide);
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') hide();
  });
  addEventListener('scroll', hide, {passive: true});
}
