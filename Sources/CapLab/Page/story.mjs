// Describes a recorded run in words: shares of answered requests, latencies, and a summary in one sentence.

import {count, duration, millis} from './dom.mjs';

/** The summary mentions a latency if it is this many times as long as before the fault, and longer than `SLOWER_MS`. */
const SLOWER_TIMES = 3;
const SLOWER_MS = 50;
const LATENCIES = [['p50Ms', 'median'], ['p99Ms', 'p99']];

const GROUP = {
  cp: 'the consistent store (CP)',
  ap: 'the available store (AP)'
};

/** The index of the phase with the fault. */
export const faultPhase = summary => Math.max(0, summary.phases.findIndex(phase => phase.name === 'during'));

/** The share of requests that were answered; null without requests. */
export const share = phase => phase && phase.requests > 0 ? phase.answered / phase.requests : null;

/** A share in percent, rounded down, so that 100 % means all: 100 %, 98.9 %, 42 %, 0.4 %. */
export function percent(value) {
  if (value === null) return '–';
  const tenths = Math.floor(value * 1000 + 1e-6) / 10;
  const fine = tenths !== Math.floor(tenths);
  return `${fine ? tenths.toFixed(1) : Math.floor(tenths)} %`;
}

/** The latency that is much longer in a phase than before the fault: the median, else the p99; null if none is. */
export function slower(phase, before) {
  const found = phase !== before && before && LATENCIES.find(([field]) => before[field] !== null &&
    phase[field] > SLOWER_MS && phase[field] > SLOWER_TIMES * before[field]);
  return found ? {word: found[1], ms: phase[found[0]], beforeMs: before[found[0]]} : null;
}

/** For one store in one phase: the sites that did not answer all requests, the highest staleness, the slowest site. */
export function kept(summary, group, phase) {
  const services = summary.services.filter(service => service.group === group && service.phases[phase]);
  const asked = services.filter(service => service.phases[phase].requests > 0);
  const short = asked.filter(service => share(service.phases[phase]) < 1)
    .map(service => ({site: service.site, share: share(service.phases[phase])}));
  const oldestMs = Math.max(0, ...services.map(service => service.phases[phase].maxStalenessMs ?? 0));
  const slowest = asked
    .map(service => ({site: service.site, ...slower(service.phases[phase], service.phases[0])}))
    .filter(one => one.word)
    .sort((a, b) => b.ms - a.ms)[0];
  return {asked: asked.length > 0, short, oldestMs, slowest};
}

/** What one store answered, as a clause. */
function answered({short, slowest}) {
  if (!short.length) {
    return `answered every request${slowest ? `, slower in the ${slowest.site} (${slowest.word} ${
      millis(slowest.ms)} instead of ${millis(slowest.beforeMs)})` : ''}`;
  }
  const shares = new Set(short.map(one => percent(one.share)));
  const places = short.length === 2 && shares.size === 1
    ? [{share: short[0].share, at: 'at both sites'}]
    : short.map(one => ({share: one.share, at: `in the ${one.site}`}));
  return `answered ${places.map(part).join(' and ')}`;
}

const part = ({share, at}) => share > 0 ? `${share < .5 ? 'only ' : ''}${percent(share)} of the requests ${at}`
                                        : `no request ${at}`;

/** The summary of the run in one sentence. */
export function story({summary, drill}) {
  const at = faultPhase(summary), phase = summary.phases[at];
  const hasFault = (drill?.steps ?? []).some(step => !step.text.startsWith('write '));
  const lasted = phase && hasFault ? `During the fault (${duration(phase.toMs - phase.fromMs)})` : 'In this run';
  const cp = kept(summary, 'cp', at), ap = kept(summary, 'ap', at);
  const correct = summary.linearizable === true ? ' and never returned a wrong value'
    : summary.linearizable === false            ? ' and returned values that no single copy explains'
                                                : '';
  const prices = [
    ap.oldestMs > 1000 && `answers that may miss writes of the last ${duration(ap.oldestMs)}`,
    summary.conflicts > 0 && `${
      count(summary.conflicts, 'key')} that got two different values`
  ].filter(Boolean);
  const clauses = [
    cp.asked && `${GROUP.cp} ${answered(cp)}${correct}`,
    ap.asked && `${GROUP.ap} ${answered(ap)}${prices.length ? `, but with ${prices.join(' and ')}` : ''}`
  ].filter(Boolean);
  return clauses.length ? `${lasted}, ${clauses.join(', while ')}.` : 'No request was sent in this run.';
}
