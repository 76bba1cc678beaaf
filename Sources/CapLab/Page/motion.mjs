// Draws messages that move along the links: a sample of the real messages, in slow motion.

import {look, s} from './dom.mjs';

const HOP_MS = 560;
const CLIENT_MS = 320;
const MAX_FLYING = 90;
// While more messages than this move, messages of background work are left out. So those of requests have room.
const MAX_BACKGROUND = 30;

/** Starts and moves the messages. `wires` has the paths of the links. */
export class Motion {
  /** @param clock returns the time in milliseconds. It decides where each message is. */
  constructor(wires, clock) {
    this.wires = wires;
    this.clock = clock;
    this.flying = [];
    this.commands = new Map();
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  get layer() { return this.wires.messages; }

  /** @param ageMs how long ago the messages started to move. */
  addMessages(list, ageMs = 0) {
    if (this.calm.matches || document.hidden) return;
    const now = this.clock() - ageMs;
    for (const message of list) {
      if (!this.wires.paths.has(message.link)) continue;
      const background = message.key === null;
      if (background && this.flying.length > MAX_BACKGROUND) continue;
      let start = now;
      if (message.toReplica)
        this.commands.set(message.call, now);
      else
        start = Math.max(now, (this.commands.get(message.call) ?? now - HOP_MS) + HOP_MS);
      this.launch(message.link, start, HOP_MS, !message.toReplica, message.value, message.held,
        background ? 'background' : message.result);
    }
    while (this.commands.size > 500) this.commands.delete(this.commands.keys().next().value);
  }

  /** Adds the messages between client and service: the request, and later the answer. */
  addAnswers(list) {
    if (this.calm.matches || document.hidden) return;
    const now = this.clock();
    for (const answer of list.filter(one => one.by === 'page').slice(-8)) {
      if (!this.wires.paths.has(answer.service)) continue;
      this.launch(answer.service, now, CLIENT_MS, false, answer.sent);
      const refused = answer.status >= 400 && answer.status !== 404;
      const value = answer.op === 'read' ? answer.value : null;
      this.launch(
        answer.service, now + CLIENT_MS + 2 * HOP_MS, CLIENT_MS, true, value, false, refused ? 'rejected' : 'ok');
    }
  }

  launch(id, start, lasts, back, value, held, result) {
    if (this.flying.length >= MAX_FLYING) return;
    const node = s('g', {
      class: `message ${look(value)} ${
        result === 'rejected' || result === 'error' ? 'refused'
          : result === 'background'                 ? result
                                                    : ''}`
    });
    node.append(shape(look(value), result === 'background' ? 3.5 : 5));
    node.setAttribute('visibility', 'hidden');
    this.layer.append(node);
    this.flying.push({id, start, lasts, back, held, node});
  }

  /** Moves all messages. Called once per frame. */
  frame() {
    const now = this.clock();
    this.flying = this.flying.filter(one => {
      const t = (now - one.start) / one.lasts;
      if (t < 0) return true;
      if (t > (one.held ? 1.7 : 1)) {
        one.node.remove();
        return false;
      }
      const path = this.wires.paths.get(one.id), stop = one.held ? path.stop : 1;
      const along = Math.min(1, t) * stop;
      const point = path.element.getPointAtLength((one.back ? 1 - along : along) * path.length);
      one.node.setAttribute('transform', `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)})`);
      one.node.setAttribute('visibility', 'visible');
      if (one.held && t >= 1 && !one.crossed) {
        one.crossed = true;
        one.node.setAttribute('class', 'message held');
        one.node.replaceChildren(s('path', {d: 'M-5 -5L5 5M5 -5L-5 5'}));
      }
      return true;
    });
  }

  clear() {
    for (const one of this.flying) one.node.remove();
    this.flying = [];
    this.commands.clear();
  }
}

export function shape(kind, r = 5) {
  if (kind === 'ana') return s('circle', {r: r + .5});
  if (kind === 'bob') return s('rect', {x: -r, y: -r, width: 2 * r, height: 2 * r});
  if (kind === 'diamond') return s('path', {d: `M0 ${- r - 1}L${r + 1} 0L0 ${r + 1}L${- r - 1} 0z`});
  if (kind === 'bar') return s('rect', {x: -r, y: -r / 2, width: 2 * r, height: r});
  if (kind === 'ring') return s('circle', {r, class: 'hollow'});
  return s('circle', {r: r - 1.5});
}
