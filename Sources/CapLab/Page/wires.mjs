// Draws the links between the nodes of the map, with cuts, delays and breakers, and a rift if the sites are cut off.

import {$, h, s, seconds, show} from './dom.mjs';

const STRAND = 7;
const LEVER = 22;

/** Draws the links. `paths` has the path of each link, and per service the path from its client. */
export class Wires {
  constructor(stage, store) {
    this.stage = stage;
    this.store = store;
    this.svg = $('svg.net', stage);
    this.paths = new Map();
    this.drawn = s('g');
    this.hits = s('g');
    this.messages = s('g', {'aria-hidden': 'true'});
    this.labels = h('div', {id: 'wire-labels', 'aria-hidden': 'true'});
    this.svg.replaceChildren(hatch(), this.drawn, this.hits, this.messages);
    stage.append(this.labels);
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  box(element) {
    const outer = this.stage.getBoundingClientRect(), b = element.getBoundingClientRect();
    return {
      l: b.left - outer.left,
      r: b.right - outer.left,
      t: b.top - outer.top,
      b: b.bottom - outer.top,
      x: (b.left + b.right) / 2 - outer.left,
      y: (b.top + b.bottom) / 2 - outer.top
    };
  }

  /** Draws again if a size or the state of a link has changed. */
  draw() {
    const {store, stage} = this;
    if (!store.hello || !store.services.length) return;
    const nodes =
      Object.fromEntries([...stage.querySelectorAll('[data-node]')].map(node => [node.dataset.node, this.box(node)]));
    const breakers = store.services.map(service => store.state?.nodes[service.name]?.connections);
    const signature = JSON.stringify([
      nodes, store.state?.links, breakers,
      store.state ? store.activeFaults.map(fault => seconds(store.nowMs - fault.fromMs)) : []
    ]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.narrow = innerWidth <= 700;
    this.left = this.box($('.isle.east', stage)).r;
    this.right = this.box($('.isle.west', stage)).l;
    this.middle = (this.left + this.right) / 2;
    const {width, height} = stage.getBoundingClientRect();
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const parts = [], labels = [];
    for (const group of ['cp', 'ap']) this.drawGroup(group, nodes, parts, labels, height);
    this.drawn.replaceChildren(...parts);
    show(this.labels, labels.map(label => [label.x, label.y, label.text, label.kind]), () => labels.map(label => {
      const element = h('span', {class: `wire-label ${label.kind}`}, label.text);
      element.style.left = `${label.x}px`;
      element.style.top = `${label.y}px`;
      return element;
    }));
  }

  drawGroup(group, nodes, parts, labels, height) {
    const {store, left, right, middle} = this;
    const cable = store.cable(group), y = nodes[store.services.find(one => one.group === group).name].y;
    const far = new Map(cable.strands.map((strand, index) => [strand.id, {strand, index}]));
    for (const service of store.services.filter(one => one.group === group)) {
      const own = nodes[service.name], out = this.box($(`[data-answer="${service.name}"]`, this.stage));
      const east = service.site === 'east', door = east ? [out.r, own.l] : [out.l, own.r];
      this.path(service.name,
        this.narrow ? `M${own.x} ${out.b}L${own.x} ${own.t}` : `M${door[0]} ${own.y}L${door[1]} ${own.y}`);
      parts.push(s('path', {class: 'door', d: this.paths.get(service.name).d}));
      for (const link of store.hello.links.filter(one => one.service === service.name)) {
        const place = far.get(link.id);
        if (place)
          this.farLink(link, place, nodes, own, east, y, parts);
        else
          this.nearLink(link, nodes, own, east, parts, labels);
      }
      this.trunkBreaker(service, nodes, east, own.y, parts);
    }
    this.drawCable(group, cable, y, parts, labels, height);
  }

  path(id, d) {
    const element = s('path', {d}), length = element.getTotalLength();
    this.paths.set(id, {d, element, length, stop: .5});
    return this.paths.get(id);
  }

  nearLink(link, nodes, own, east, parts, labels) {
    const other = nodes[link.replica], from = east ? own.r : own.l, to = east ? other.l : other.r,
          half = (from + to) / 2;
    const {d, element, length} = this.path(link.id,
      this.narrow ? `M${other.x} ${own.b}L${other.x} ${other.t}`
                  : `M${from} ${own.y}C${half} ${own.y} ${half} ${other.y} ${to} ${other.y}`);
    const fault = this.store.link(link.id), point = element.getPointAtLength(length / 2);
    const lost = [fault.toReplica.cut, fault.toService.cut], isUnknown = !this.store.knowsDirections,
          delay = Math.max(fault.toReplica.delayMs, fault.toService.delayMs);
    // The label is beside the replica, where it covers neither names nor values.
    const beside = {x: other.x, y: this.narrow ? (own.b + other.t) / 2 : other.y > own.y ? other.b + 9 : other.t - 9};
    parts.push(s(
      'path', {class: `link ${
                 lost[0] && lost[1]     ? `cut ${isUnknown ? 'unknown' : ''}`
                   : lost[0] || lost[1] ? 'one-way'
                   : delay              ? 'slow'
                                        : ''}`,
        d}));
    if (lost[0] || lost[1]) parts.push(isUnknown ? unknown(point.x, point.y) : cross(point.x, point.y, 6));
    if (lost[0] !== lost[1]) {
      labels.push({...beside, text: lost[0] ? 'requests lost' : 'answers lost', kind: 'fault'});
    } else if (delay)
      labels.push({...beside, text: `+${delay} ms`, kind: 'slow'});
    const breaker = this.store.state?.nodes[link.service]?.connections?.[link.replica]?.breaker;
    if (breaker && breaker !== 'closed' && !this.narrow && !lost[0] && !lost[1]) {
      const wide = Math.min(LEVER, Math.abs(to - from) - 12);
      parts.push(lever(point.x, point.y, east ? 1 : -1, breaker, null, wide));
    }
    this.hit(link, d);
  }

  farLink(link, {strand, index}, nodes, own, east, y, parts) {
    const other = nodes[link.replica], offset = (index - 1) * STRAND, {left, right} = this;
    const [from, near, there] = east ? [own.r, left, right] : [own.l, right, left];
    const bend = (there + (east ? other.l : other.r)) / 2, end = east ? other.l : other.r;
    const inside = this.narrow ? `L${other.x} ${y}L${other.x} ${other.t}`
                               : `C${bend} ${y + offset} ${bend} ${other.y} ${end} ${other.y}`;
    const fan = near + (east ? -10 : 10);
    const legs = [`M${from} ${y}H${fan}L${near} ${y + offset}`, `M${there} ${y + offset}${inside}`];
    const path = this.path(link.id, `M${from} ${y}H${fan}L${near} ${y + offset}L${there} ${y + offset}${inside}`);
    const edge = near + (there - near) * .22;
    path.stop = Math.abs(edge - from) / path.length;
    for (const d of this.narrow ? legs.slice(0, 1) : legs) parts.push(s('path', {class: 'link', d}));
    this.hit(link, path.d);
  }

  /** Adds a wide transparent path over a link, so that the link is easy to click. The keyboard can reach it too. */
  hit(link, d) {
    let path = this.hits.querySelector(`[data-link="${CSS.escape(link.id)}"]`);
    if (!path) {
      path =
        s('path', {class: 'hit', tabindex: 0, role: 'button', 'data-link': link.id, 'data-menu': `link:${link.id}`});
      this.hits.append(path);
    }
    path.setAttribute('d', d);
    const fault = this.store.link(link.id);
    const state = fault.toReplica.cut && fault.toService.cut ? this.store.knowsDirections ? 'cut' : 'no answer'
      : fault.toReplica.cut                                  ? 'requests lost'
      : fault.toService.cut                                  ? 'answers lost'
      : fault.toReplica.delayMs || fault.toService.delayMs   ? 'slow'
                                                             : 'whole';
    path.setAttribute('data-state', state);
    path.setAttribute('aria-label', `Link ${link.service} to ${link.replica}, ${state}. Menu`);
  }

  /** Draws one switch per link of a service to the other site. They are side by side, because each works alone. */
  trunkBreaker(service, nodes, east, y, parts) {
    if (this.narrow) return;
    const connections = this.store.state?.nodes[service.name]?.connections ?? {};
    const remote = this.store.replicas(service.group).filter(node => node.site !== service.site);
    const states = remote.map(node => connections[node.name]?.breaker ?? 'closed');
    const local = this.store.replicas(service.group).find(node => node.site === service.site);
    const x = nodes[local.name].x - (east ? 11 : -11), sign = east ? 1 : -1, isCalm = states.every(one => one === 'closed');
    if (remote.length > 1) parts.push(s('path', {class: 'link gap', d: `M${x - 19} ${y}H${x + 19}`}));
    remote.forEach((node, index) => {
      const name = node.name.split('_').pop(), side = index - (remote.length - 1) / 2, at = y + side * 20;
      if (at !== y) {
        const d = `M${x - 20} ${y}L${x - 15} ${at}H${x - 11}M${x + 11} ${at}H${x + 15}L${x + 20} ${y}`;
        parts.push(s('path', {class: 'link', d}));
      }
      // The arms of two switches open in opposite directions, so that they do not overlap.
      parts.push(lever(x, at, sign, states[index], name, LEVER, side > 0 ? 1 : -1));
      if (isCalm) return;
      // The name is beside the switch, above or below the cable, where no line is drawn.
      const label = side === 0 ? {x, y: y + 17} : {x: x - sign * 27, y: side < 0 ? y - 9 : y + 18};
      parts.push(s('text', {class: 'breaker-name', ...label}, name));
    });
  }

  drawCable(group, cable, y, parts, labels, height) {
    const {left, right, middle, narrow} = this, torn = cable.cut === 'all';
    const both = torn && this.store.cable(group === 'cp' ? 'ap' : 'cp').cut === 'all';
    const band =
      group === 'cp' ? [4, both ? height / 2 : height / 2 - 12] : [both ? height / 2 : height / 2 + 12, height - 4];
    if (torn) {
      parts.push(rift(left, right, band[0], band[1], both, group, !this.store.knowsDirections));
      for (const [x, sign] of [[left, 1], [right, -1]]) parts.push(frayed(x, y, sign, narrow));
    } else {
      cable.strands.forEach((strand, index) => {
        const at = y + (index - 1) * STRAND, cut = strand.westward.cut && strand.eastward.cut;
        const d =
          strand.westward.delayMs || strand.eastward.delayMs ? wave(left, right, at) : `M${left} ${at}H${right}`;
        parts.push(s('path', {class: `strand ${cut ? 'cut' : ''}`, d}));
        if (cut) parts.push(this.store.knowsDirections ? cross(middle, at, 5) : unknown(middle, at));
      });
      parts.push(s('path', {class: 'plug', d: `M${left} ${y - 17}V${y + 17}M${right} ${y - 17}V${y + 17}`}));
    }
    if (cable.cut === 'westward' || cable.cut === 'eastward') parts.push(oneWay(left, right, y, cable.cut));
    const at = {x: middle, y: group === 'cp' ? band[0] + 16 : band[1] - 16};
    if (cable.cut === 'westward' || cable.cut === 'eastward') {
      labels.push({...at, text: `${cable.cut === 'westward' ? 'to west' : 'to east'} lost`, kind: 'fault'});
    } else if (torn && (group === 'cp' || !both)) {
      const since = this.store.activeFaults.find(fault => fault.kind === 'cut' || fault.kind === 'unreachable');
      const lasts = since ? ` ${seconds(this.store.nowMs - since.fromMs).replaceAll(' ', '\u00a0')}` : '';
      const lower = {x: at.x, y: at.y + (group === 'cp' ? 1 : -1) * (narrow ? 4 : 26)};
      labels.push(this.store.knowsDirections ? {...at, text: `cut${lasts}`, kind: 'rift'} : {
        ...lower,
        text: narrow ? `?${lasts}` : `no answer${lasts}: one or both directions lost`,
        kind: 'rift unknown'
      });
    } else if (cable.delayMs)
      labels.push({x: middle, y: y - 30, text: `+${cable.delayMs} ms`, kind: 'slow'});
    this.cableHit(group, cable, y);
  }

  cableHit(group, cable, y) {
    let area = this.hits.querySelector(`[data-cable="${group}"]`);
    if (!area) {
      area = s('rect',
        {class: 'hit area', tabindex: 0, role: 'button', 'data-cable': group, 'data-menu': `cable:${group}`, rx: 6});
      this.hits.append(area);
    }
    for (const [name, value] of Object.entries(
           {x: this.left, y: y - 24, width: Math.max(0, this.right - this.left), height: 48})) {
      area.setAttribute(name, value);
    }
    area.setAttribute('data-state', cable.cut);
    area.setAttribute('aria-label',
      `${group.toUpperCase()} links between east and west, ${
        cable.cut === 'no'             ? 'whole'
          : this.store.knowsDirections ? 'cut'
                                       : 'no answer, one or both directions lost'}. Menu`);
  }
}

function hatch() {
  return s('defs', {},
    s('pattern', {id: 'hatch', width: 8, height: 8, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
      s('rect', {class: 'hatch-ground', width: 8, height: 8}), s('rect', {class: 'hatch-line', width: 2, height: 8})));
}

const cross = (x, y, r) =>
  s('path', {class: 'cross', d: `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`});

/** A question mark in place of a cross: it is unknown which direction is lost. */
const unknown = (x, y) => s('text', {class: 'unknown-mark', x, y: y + 6}, '?');

function rift(left, right, top, bottom, both, group, isUnknown) {
  const width = right - left, inset = width * .2, step = 22, edge = [], back = [];
  const from = both && group === 'ap' ? 1 : 0;
  for (let y = top, i = from; y < bottom + step; y += step, i += 1) {
    const at = Math.min(y, bottom), swing = (i % 2 ? 1 : -1) * width * .07;
    edge.push(`${left + inset + swing} ${at}`);
    back.unshift(`${right - inset + swing} ${at}`);
  }
  return s('path', {class: `rift ${isUnknown ? 'unknown' : ''}`, d: `M${edge.join('L')}L${back.join('L')}z`});
}

function frayed(x, y, sign, narrow) {
  const w = narrow ? 7 : 20,
        parts = [-1, 0, 1].map(i => `M${x} ${y + i * STRAND}q${sign * w * .6} 0 ${sign * w * (i ? .9 : 1.1)} ${i * 7}`);
  return s('path', {class: 'frayed', d: `${parts.join('')}M${x} ${y - 15}V${y + 15}`});
}

function wave(left, right, y) {
  let d = `M${left} ${y}`;
  for (let x = left, up = true; x + 10 <= right; x += 10, up = !up) d += `q5 ${up ? -7 : 7} 10 0`;
  return `${d}L${right} ${y}`;
}

function oneWay(left, right, y, lost) {
  const west = lost === 'westward', x = west ? right - 22 : left + 22;
  const okX = west ? left + 14 : right - 14, sign = west ? -1 : 1;
  return s('g', {class: 'direction'}, cross(west ? left + (right - left) * .7 : left + (right - left) * .3, y - 22, 6),
    s('path', {class: 'lost', d: `M${west ? left + 12 : right - 12} ${y - 22}H${x}`}), s('path', {
      class: 'open',
      d: `M${west ? right - 14 : left + 14} ${y + 22}H${okX}m${- sign * 8} -6l${sign * 8} 6l${- sign * 8} 6`
    }));
}

/** How far the arm of a breaker is open, in radians. */
export const LEVER_ANGLE = {closed: 0, half_open: .38, open: .85};

/** A circuit breaker as a switch; half open, its arm is dashed. @param turn -1 if the arm opens upwards, else 1. */
function lever(x, y, sign, state, replica, w = LEVER, turn = -1) {
  const angle = turn * (LEVER_ANGLE[state] ?? 0), x0 = x - sign * w / 2;
  const words = {
    open: 'Breaker open: the service sends nothing',
    half_open: 'Breaker half open: one trial',
    closed: 'Breaker closed'
  };
  return s('g', {class: `breaker ${state}`}, s('title', {}, replica ? `${words[state]} (${replica})` : words[state]),
    s('path', {class: 'gap', d: `M${x0} ${y}h${sign * w}`}),
    s('path', {class: 'arm', d: `M${x0} ${y}l${sign * w * Math.cos(angle)} ${w * Math.sin(angle)}`}),
    s('circle', {cx: x0, cy: y, r: 3}), s('circle', {class: 'far', cx: x0 + sign * w, cy: y, r: 3}));
}
