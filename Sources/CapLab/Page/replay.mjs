// Plays a recording: passes its events to the store, in place of the event stream of a lab.

const SNAPSHOT_MS = 2_000;
/** The longest step of a frame. If the browser draws no frames, as in a hidden tab, the replay stops meanwhile. */
const MAX_FRAME_MS = 250;
/** After a seek, messages that were sent at most this long ago are drawn, because they move in slow motion. */
const IN_FLIGHT_MS = 1_000;

export const SPEEDS = [1, 2, 5];

/** Plays the events of a recording into the store. Dispatches `change` and `seek`. */
export class Player extends EventTarget {
  playing = false;
  speed = 1;
  nowMs = 0;
  /** The clock of `Motion`. It stops during a pause, and does not depend on the speed of the replay. */
  flightMs = 0;

  constructor(recording, store) {
    super();
    this.store = store;
    this.events = recording.events;
    this.durationMs = recording.durationMs;
    this.next = 0;
    this.snapshots = [];
    this.faults = new Map();
    this.rows = new Map();
    this.index();
    this.seek(0);
    store.connection = 'replay';
    store.emit('begin', store.hello);
  }

  /** Plays all events once without drawing, to collect snapshots, and the faults and figures of the whole run. */
  index() {
    const {store} = this;
    store.quiet = true;
    for (const [index, [tMs, name, data]] of this.events.entries()) {
      if (!this.snapshots.length || tMs >= this.snapshots.at(-1).tMs + SNAPSHOT_MS)
        this.snapshots.push({tMs, index, state: store.snapshot()});
      this.apply(this.events[index]);
      if (name === 'faults')
        for (const fault of data.faults) this.faults.set(fault.id, fault);
      if (name === 'series')
        for (const row of [data].flat()) this.rows.set(row.second, row);
    }
    store.quiet = false;
    store.restore(this.snapshots[0].state);
    this.next = 0;
  }

  apply([tMs, name, data]) {
    this.store.replayMs = tMs;
    this.store.receive(name, data);
    this.next += 1;
  }

  /** All faults and the figures of all seconds, for the charts. */
  get run() {
    // Leave out the minute before the recording, which is part of the first events.
    const rows = [...this.rows.values()].filter(row => row.tMs > 0);
    return {durationMs: this.durationMs, faults: [...this.faults.values()], rows};
  }

  play() {
    if (this.nowMs >= this.durationMs) this.seek(0);
    this.playing = true;
    this.tell('change');
  }

  pause() {
    this.playing = false;
    this.tell('change');
  }

  toggle() { return this.playing ? this.pause() : this.play(); }

  setSpeed(speed) {
    this.speed = speed;
    this.tell('change');
  }

  /** Moves to a time, from the last snapshot before it. */
  seek(toMs) {
    const {store} = this, target = Math.min(this.durationMs, Math.max(0, toMs));
    const snapshot = this.snapshots.findLast(one => one.tMs <= target) ?? this.snapshots[0];
    store.quiet = true;
    if (target < this.nowMs || snapshot.index > this.next) {
      store.restore(snapshot.state);
      this.next = snapshot.index;
    }
    this.applyUntil(target);
    store.quiet = false;
    this.tell('seek', this.inFlight());
  }

  applyUntil(target) {
    // Always apply `hello` and the events before it, even if their times are later than `target`.
    while (this.next < this.events.length && (this.events[this.next][0] <= target || !this.store.hello)) {
      this.apply(this.events[this.next]);
    }
    this.nowMs = target;
    this.store.replayMs = target;
  }

  /** The events with messages that are still moving at this time, each with its age. */
  inFlight() {
    const flying = [];
    for (let at = this.next - 1; at >= 0 && this.events[at][0] > this.nowMs - IN_FLIGHT_MS; at -= 1) {
      const [tMs, name, data] = this.events[at];
      if (name === 'messages') flying.unshift({ageMs: this.nowMs - tMs, list: data.list});
    }
    return flying;
  }

  /** Advances the replay by the time since the last frame. */
  frame(now) {
    const elapsed = Math.min(MAX_FRAME_MS, now - (this.frameMs ?? now));
    this.frameMs = now;
    if (!this.playing) return;
    this.flightMs += elapsed;
    this.applyUntil(Math.min(this.durationMs, this.nowMs + elapsed * this.speed));
    if (this.nowMs >= this.durationMs) this.pause();
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, {detail})); }
}
