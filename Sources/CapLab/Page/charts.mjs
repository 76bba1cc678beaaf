// The chart of the last minute: for each service, the outcomes, and latency, staleness, hints or conflicts, over time.
// Times with a fault are shaded. A replay shows the whole run instead, with a line at the current time.

import {$, attribute, bound, count, duration, h, mark, millis, s} from './dom.mjs';
import {isReplay} from './recording.mjs';

const SPAN_S = 60;
/** Seconds of a run whose marks would be closer than this, in pixels, are joined to one mark. */
const MIN_STEP = 4.5;
const METRICS = {
  latency: ['Latency', 'p99'],
  staleness: ['Staleness', 'staleness'],
  hints: ['Hints', 'hints'],
  conflicts: ['Conflicts', 'context']
};
const NOTE = {
  latency: 'solid p50, dashed p99, logarithmic',
  staleness: 'AP only: writes of this last time may be missing',
  hints: 'changes not yet delivered, AP only',
  conflicts: 'keys with several values, AP only',
};
const FIELDS = {
  staleness: 'stalenessMs',
  hints: 'hints',
  conflicts: 'conflicts'
};
const WORST = ['p50Ms', 'p99Ms', 'stalenessMs', 'hints', 'conflicts'];
let metric = 'latency';

export function build(root, redraw) {
  root.replaceChildren(
    h('div', {class: 'head'}, h('h2', {}, isReplay ? 'The whole run' : 'The last minute'),
      h('span', {class: 'note keys'}, [['ok', 'answered'], ['no', 'refused'], ['error', 'error']].map(([kind,
        words]) => h('span', {}, s('svg', {class: 'badge', width: 14, height: 14}, mark(kind)), words))),
      h('span', {class: 'grow'}), h('span', {class: 'note metric-note'}, NOTE[metric]),
      h('span', {class: 'seg', role: 'group', 'aria-label': 'Metric'},
        Object.entries(METRICS).map(([name, [words]]) => h('button', {
          'data-metric': name,
          'aria-pressed': String(name === metric),
          onclick: () => {
            metric = name;
            root.querySelector('.metric-note').textContent = NOTE[metric];
            for (const button of root.querySelectorAll('[data-metric]'))
              button.setAttribute('aria-pressed', String(button.dataset.metric === name));
            redraw();
          }
        },
                                      words)))),
    h('div', {class: 'plot'},
      s('svg', {role: 'img', 'aria-label': 'Outcomes and latency per service'})));
}

/** A click in the chart moves the replay to that time. */
export function seekable(root, player) {
  $('.plot', root).addEventListener('click', event => {
    const svg = $('.plot svg', root), {left, width} = svg.getBoundingClientRect();
    if (!svg.scale) return;
    const {x0, x1} = svg.scale, x = event.clientX - left;
    if (width && x >= x0 && x <= x1) player.seek((x - x0) / (x1 - x0) * player.durationMs);
  });
}

/** @param run the whole run of a replay: its duration, faults and seconds. */
export function draw(root, store, veiled, run) {
  const svg = $('.plot svg', root), {width, height} = svg.getBoundingClientRect();
  if (width < 50 || height < 50 || !store.hello) return;
  const now = store.nowMs / 1000, from = run ? 0 : now - SPAN_S, to = run ? run.durationMs / 1000 : now;
  const narrow = width < 520, x0 = narrow ? 88 : 146, x1 = width - (narrow ? 98 : 156);
  const X = sec => x0 + (sec - from) / (to - from) * (x1 - x0), top = 16, foot = 20,
        lane = (height - top - foot) / 4, faults = run?.faults ?? store.faults;
  const rows = run ? joined(run.rows, Math.ceil(MIN_STEP * (to - from) / (x1 - x0))) : store.series;
  svg.scale = {x0, x1};
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const parts = [];
  for (const [begin, end] of spans(faults, run ? run.durationMs : store.nowMs)) {
    const a = Math.max(x0, X(begin / 1000)), b = Math.min(x1, X(end / 1000));
    if (b < x0 || a > x1) continue;
    parts.push(s('rect', {class: 'shade', x: a, y: top, width: Math.max(1.5, b - a), height: height - top - foot}));
  }
  parts.push(...labels(faults, X, x0, x1, to));
  store.services.forEach((service, index) => parts.push(...row(store, rows, service, top + index * lane, lane, X, x0,
                           x1, width, veiled.has(service.name), narrow)));
  parts.push(...run ? playhead(X, now, to, x1, top, height - foot) : []);
  parts.push(...ticks(run ? to : null, X, x0, x1, height - 4, narrow));
  svg.replaceChildren(...parts.filter(Boolean));
  attribute(svg, 'aria-label',
    store.services.filter(service => !veiled.has(service.name)).map(service => spoken(store, service)).join('. '));
}

/** The labels of the time axis: seconds ago, or seconds since the beginning of a run. */
function ticks(runSec, X, x0, x1, y, narrow) {
  const label = (x, words, anchor) => s('text', {x, y, class: 'muted', 'text-anchor': anchor}, words);
  if (runSec === null) {
    return (narrow ? [60, 30, 0] : [60, 45, 30, 15, 0])
      .map(ago => label(x0 + (SPAN_S - ago) / SPAN_S * (x1 - x0), ago ? `−${ago} s` : 'now',
        ago === 60 ? 'start'
          : ago    ? 'middle'
                   : 'end'));
  }
  const step = [5, 10, 15, 30, 60, 120, 300].find(one => runSec / one <= (narrow ? 4 : 9)) ?? 600, parts = [];
  for (let sec = 0; sec <= runSec; sec += step) parts.push(label(X(sec), `${sec} s`,
    sec === 0                 ? 'start'
      : sec + step / 4 > runSec ? 'end'
                                : 'middle'));
  return parts;
}

/** The line at the current time of a replay. Later times are drawn pale. */
function playhead(X, now, to, x1, top, bottom) {
  const x = X(now);
  return [
    now < to && s('rect', {class: 'ahead', x, y: top, width: Math.max(0, x1 - x), height: bottom - top}),
    s('path', {class: 'playhead', d: `M${x} ${top - 4}V${bottom}`})
  ].filter(Boolean);
}

/** The times with at least one fault. Overlapping faults are joined, so that no time is shaded twice. */
function spans(faults, endMs) {
  const joined = [];
  for (const fault of [...faults].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1), to = fault.toMs ?? endMs;
    if (last && fault.fromMs <= last[1])
      last[1] = Math.max(last[1], to);
    else
      joined.push([fault.fromMs, to]);
  }
  return joined;
}

/** Joins each `size` seconds to one row: the sums of the outcomes, and the highest value of each other figure. */
function joined(rows, size) {
  if (size <= 1) return rows;
  const result = [];
  for (let at = 0; at < rows.length; at += size) {
    const part = rows.slice(at, at + size), services = {};
    for (const name of Object.keys(part[0].services)) {
      const all = part.map(row => row.services[name]).filter(Boolean);
      const sum = field => all.reduce((total, one) => total + (one[field] ?? 0), 0);
      const most = field => {
        const known = all.map(one => one[field]).filter(value => value !== null && value !== undefined);
        return known.length ? Math.max(...known) : null;
      };
      services[name] = {
        ok: sum('ok'),
        refused: sum('refused'),
        error: sum('error'),
        ...Object.fromEntries(WORST.map(field => [field, most(field)]))
      };
    }
    result.push({...part.at(-1), services, seconds: part.length});
  }
  return result;
}

function labels(faults, X, x0, x1, now) {
  const parts = [];
  let free = x1 + 100;
  // The newest label first. A label that would run into a newer one is left out.
  for (const fault of [...faults].reverse()) {
    const x = Math.max(x0, X(fault.fromMs / 1000)), wide = fault.label.length * 7.6 + 10;
    if (X((fault.toMs ?? now * 1000) / 1000) < x0 || x + wide > free) continue;
    parts.push(s('text', {x, y: 11, class: 'strong'}, fault.label));
    free = x;
  }
  return parts;
}

function row(store, all, service, y, lane, X, x0, x1, width, veiled, narrow) {
  const parts = [s('path', {class: 'rule', d: `M0 ${y}H${width}`})];
  const title = `${service.group.toUpperCase()} ${service.site}`;
  parts.push(s('text', {x: 0, y: y + lane / 2 + (lane > 34 ? -2 : 5), class: 'strong'}, title),
    lane > 34 && s('text', {x: 0, y: y + lane / 2 + 13, class: 'muted'}, service.name));
  const band = Math.min(20, lane * .34), base = y + lane - 4, room = lane - band - 12,
        step = (X(1) - X(0)) * (all[0]?.seconds ?? 1);
  const rows = all.filter(one => X(one.tMs / 1000) > x0 + step / 2);
  for (const one of rows) {
    const values = one.services[service.name], x = X(one.tMs / 1000) - step / 2;
    if (!values || (veiled && one.tMs > veiledSince(store))) continue;
    const kinds =
      [values.error && 'error', values.refused && 'no', values.ok && (values.stalenessMs > 1000 ? 'old' : 'ok')].filter(
        Boolean);
    kinds.slice(0, 2).forEach(
      (kind, at) => parts.push(mark(kind, x, y + 4 + (kinds.length > 1 ? band * (.25 + .5 * at) : band / 2),
        Math.min(step * (step < 7 ? .5 : .42), kinds.length > 1 ? band * .22 : band * .3, 4.6))));
  }
  if (metric === 'latency') {
    const Y = value => base - room * Math.min(1, Math.max(0, Math.log10(Math.max(value, .1) * 10) / 4));
    if (!narrow && room > 32) {
      for (const [value, words] of [[1, '1 ms'], [100, '100 ms']]) {
        parts.push(s('path', {class: 'rule', d: `M${x0} ${Y(value)}H${x1}`}),
          s('text', {x: x0 - 6, y: Y(value) + 4, class: 'muted', 'text-anchor': 'end'}, words));
      }
    }
    for (const [name, kind] of [['p99Ms', 'p99'], ['p50Ms', 'p50']]) {
      parts.push(line(rows, service.name, name, kind, Y, X, step, base, veiled && veiledSince(store)));
    }
  } else if (service.group === 'ap') {
    const field = FIELDS[metric],
          most =
            Math.max(metric === 'staleness' ? 1000 : 1, ...rows.map(one => one.services[service.name]?.[field] ?? 0));
    parts.push(line(rows, service.name, field, 'area', value => base - room * value / most, X, step, base));
    if (!narrow)
      parts.push(s('text', {x: x0 - 4, y: base - room + 9, class: 'muted', 'text-anchor': 'end'},
        metric === 'staleness' ? duration(most) : most.toLocaleString('en')));
  }
  return [...parts, ...figures(store, service, veiled, x1 + 8, y + lane / 2, narrow, lane > 34)];
}

const veiledSince = store => store.veiledAt ?? Infinity;

function line(rows, name, field, kind, Y, X, step, base, until = Infinity) {
  let d = '', last = null;
  for (const one of rows) {
    const value = one.services[name]?.[field];
    if (value === null || value === undefined || one.tMs > (until || Infinity)) {
      if (last !== null && kind === 'area') d += `V${base}`;
      last = null;
      continue;
    }
    const x = X(one.tMs / 1000) - step / 2, y = Y(value);
    d += last === null ? kind === 'area' ? `M${x} ${base}V${y}` : `M${x - 1} ${y}H${x + 1}` : `L${x} ${y}`;
    last = x;
  }
  if (last !== null && kind === 'area') d += `V${base}`;
  return s('path', {class: `curve ${kind}`, d});
}

/** The last second of a service in words, for screen readers. */
function spoken(store, service) {
  const last = store.series.at(-1)?.services[service.name];
  return last ? `${service.name}: ${last.ok} answered, ${last.refused} refused, ${count(last.error, 'error')}, p99 ${
                  millis(last.p99Ms)}`
              : service.name;
}

/** The figures of the last second, to the right of the chart. */
function figures(store, service, veiled, x, y, narrow, roomy) {
  if (veiled) return [s('text', {x, y: y + 4, class: 'strong'}, '?')];
  const last = store.series.at(-1)?.services[service.name];
  if (!last) return [];
  const first = outcomes(last, narrow ? 'ok' : 'answered');
  return [
    s('text', {x, y: roomy ? y - 2 : y + 5, class: 'strong'}, first),
    roomy && s('text', {x, y: y + 13, class: 'muted'}, figure(last, service.group, narrow))
  ];
}

function outcomes(last, answered) {
  const total = last.ok + last.refused + last.error;
  if (!total) return 'no request';
  const perSecond = (number, words) => `${number.toLocaleString('en')}/s ${words}`;
  if (last.refused === total) return perSecond(last.refused, 'refused');
  return last.error === total ? perSecond(last.error, 'failed') : perSecond(last.ok, answered);
}

function figure(last, group, narrow) {
  if (metric === 'latency') {
    if (last.p99Ms === null) return '';
    return narrow ? millis(last.p99Ms) : `p50 ${millis(last.p50Ms)}, p99 ${millis(last.p99Ms)}`;
  }
  if (group === 'cp') return 'not in CP';
  if (metric === 'hints') return count(last.hints, 'hint');
  if (metric === 'conflicts') return count(last.conflicts, 'conflict');
  return last.stalenessMs === null ? 'unknown' : `last ${bound(last.stalenessMs)}`;
}
