// Receives the events of the lab, from the event stream or from a recording, and keeps those of the last minute.

const KEEP_MS = 65_000;
const MAX_ANSWERS = 3_000;
const MAX_MESSAGES = 4_000;
const SILENCE_MS = 12_000;
/** In this time, the lab has read every copy again, or the read has timed out. */
const COPIES_MS = 600;

/** The state of the lab according to the events. Its size is bounded. It is cleared when the lab restarts. */
export class Store extends EventTarget {
  connection = 'connecting';
  hello = null;
  /** The time of a replay; null when live. */
  replayMs = null;
  /** True while a replay moves to another time. Then no events are dispatched to listeners. */
  quiet = false;

  constructor() {
    super();
    this.clear();
  }

  clear() {
    this.state = null;
    this.copies = null;
    this.faults = [];
    this.answers = [];
    this.messages = [];
    this.series = [];
    this.load = null;
    this.verdict = null;
    this.latest = {};
    this.offset = null;
    /** The ids of the requests that the reader or the tour sent, without the reads once per second for the map. */
    this.asked = new Set();
    this.sampling = {seen: 0, shown: 0};
    /** Messages of the chosen key, and of other keys, are complete only after these times. Older ones were dropped. */
    this.forgotten = {ownMs: -Infinity, othersMs: -Infinity};
  }

  get key() { return this.hello?.key ?? ''; }
  /** In the order of the map: CP above AP, east before west. */
  get services() {
    const place = node => (node.group === 'cp' ? 0 : 2) + (node.site === 'east' ? 0 : 1);
    return (this.hello?.nodes ?? []).filter(node => node.kind === 'service').sort((a, b) => place(a) - place(b));
  }
  node(name) { return this.hello?.nodes.find(node => node.name === name); }
  replicas(group) { return this.hello?.nodes.filter(node => node.kind === 'replica' && node.group === group) ?? []; }

  /** The time of the replay, or the lab's clock, estimated from the times of the events. */
  get nowMs() {
    if (this.replayMs !== null) return this.replayMs;
    return this.offset === null ? 0 : performance.now() + this.offset;
  }

  /** A copy of the state for `restore`. It shares the events with the state, because events never change. */
  snapshot() {
    const {hello, state, copies, faults, series, load, verdict, sampling} = this;
    return {
      hello,
      state,
      copies,
      faults,
      series,
      load,
      verdict,
      sampling,
      answers: [...this.answers],
      messages: [...this.messages],
      latest: {...this.latest},
      asked: new Set(this.asked)
    };
  }

  /** Returns to a snapshot. The snapshot stays unchanged and can be restored again. */
  restore(snapshot) {
    const {answers, messages, latest, asked} = snapshot;
    Object.assign(this, snapshot,
      {answers: [...answers], messages: [...messages], latest: {...latest}, asked: new Set(asked)});
  }

  /** The last answer to a read of the chosen key. */
  lastRead(service) {
    const answer = this.latest[service];
    return answer && answer.key === this.key ? answer : null;
  }

  /**
   * When the last acknowledged change of the chosen key in a store ended. Null if that was before `sinceMs`, or if the
   * change set the only value in `values`. A read that was sent before that time need not return the change. The map
   * marks such a read, so that it does not look like a stale read. A read that was sent later must return the change.
   */
  changedSince(group, sinceMs, values = null) {
    const endMs = answer => answer.tMs + answer.tookMs;
    const last = this.answers
      .filter(answer => answer.op !== 'read' && answer.key === this.key && answer.status >= 200 &&
        answer.status < 300 && answer.outcome !== 'not_applied' && this.node(answer.service)?.group === group)
      .reduce((latest, answer) => latest && endMs(latest) > endMs(answer) ? latest : answer, null);
    if (!last || endMs(last) < sinceMs) return null;
    const shown = values?.length ? values : [null];
    return values && shown.length === 1 && shown[0] === (last.sent ?? null) ? null : endMs(last);
  }

  /**
   * True if the copies were read before the last acknowledged change of a store ended. The lab reads them four times
   * per second, but reports them only if they have changed. So if no report has come `COPIES_MS` after the change, the
   * copies are still the same.
   */
  copiesArePast(group) {
    const endMs = this.copies ? this.changedSince(group, this.copies.tMs) : null;
    return endMs !== null && this.nowMs - endMs < COPIES_MS;
  }

  open(url) {
    this.source?.close();
    this.source = new EventSource(url);
    this.heardAt = performance.now();
    this.source.onopen = () => this.connect('open');
    this.source.onerror = () => {
      this.connect('lost');
      // After an answer with an error status, the browser does not connect again by itself.
      if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.open(url), 1500);
    };
    for (const name of ['hello', 'state', 'faults', 'answers', 'messages', 'copies', 'series', 'load', 'verdict']) {
      this.source.addEventListener(name, event => {
        this.heardAt = performance.now();
        this.connect('open');
        this.receive(name, JSON.parse(event.data));
      });
    }
    clearInterval(this.watchdog);
    this.watchdog = setInterval(() => {
      if (performance.now() - this.heardAt > SILENCE_MS) this.connect('lost');
    }, 1000);
  }

  connect(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    this.emit('connection', connection);
  }

  emit(name, detail) {
    if (!this.quiet) this.dispatchEvent(new CustomEvent(name, {detail}));
  }

  receive(name, data) {
    // An event arrives late by its delay, so each offset is too small. The largest one is the best estimate.
    const times = [data.tMs, ...(Array.isArray(data) ? data.map(one => one.tMs + (one.tookMs ?? 0)) : [])];
    for (const tMs of times) {
      if (Number.isFinite(tMs)) this.offset = Math.max(this.offset ?? -Infinity, tMs - performance.now());
    }
    this[`on_${name}`](data);
    this.emit(name, data);
  }

  on_hello(data) {
    const before = this.hello;
    this.hello = data;
    // The same lab sends `hello` again after a reconnect and when the key changes. Then keep the state.
    if (before?.start === data.start) {
      if (before.key !== data.key) {
        Object.assign(this, {latest: {}, copies: null});
        this.forgotten.ownMs = Math.max(this.forgotten.ownMs, this.forgotten.othersMs);
      }
      return;
    }
    this.clear();
    this.offset = data.tMs - performance.now();
    this.emit(before ? 'restart' : 'begin', data);
  }

  on_state(data) { this.state = data; }
  on_faults(data) { this.faults = data.faults; }
  on_load(data) { this.load = data; }
  on_verdict(data) { this.verdict = data; }

  on_copies(data) {
    // Ignore copies of the previous key, which may still arrive after the key has changed.
    if (data.key === this.key) this.copies = data;
  }

  on_series(data) {
    const rows = Array.isArray(data) ? data : [data];
    const from = rows.length ? rows[0].second : 0;
    this.series = [...this.series.filter(row => row.second < from), ...rows].slice(-61);
  }

  on_answers(list) {
    for (const answer of list) this.addAnswer(answer);
    const since = this.nowMs - KEEP_MS;
    // If there are too many, drop answers to the load first, so that the answers to the reader stay.
    let excess = this.answers.filter(answer => answer.tMs > since).length - MAX_ANSWERS;
    this.answers = this.answers.filter(
      answer => answer.tMs > since && (excess <= 0 || answer.by !== 'load' || (excess -= 1, false)))
                     .slice(-MAX_ANSWERS);
  }

  /** Adds an answer once; it arrives both as the reply to `/ask` and as an event. */
  addAnswer(answer) {
    if (this.answers.some(known => known.id === answer.id)) return;
    this.answers.push(answer);
    if (this.replayMs !== null && answer.by === 'page' && answer.op !== 'read') this.asked.add(answer.id);
    if (answer.op !== 'read') return;
    const last = this.latest[answer.service];
    if (answer.key === this.key && (!last || last.key !== answer.key || last.tMs <= answer.tMs)) {
      this.latest[answer.service] = answer;
    }
  }

  on_messages(data) {
    this.sampling = {seen: data.seen, shown: data.list.length};
    this.messages.push(...data.list);
    const since = this.nowMs - KEEP_MS;
    this.messages = this.messages.filter(message => message.tMs > since);
    if (this.messages.length > MAX_MESSAGES) this.forgetMessages();
  }

  /** Drops the oldest messages, those of other keys first, and notes their times in `forgotten`. */
  forgetMessages() {
    let excess = this.messages.length - MAX_MESSAGES;
    this.messages = this.messages.filter(message => {
      if (excess <= 0 || message.key === this.key) return true;
      excess -= 1;
      this.forgotten.othersMs = message.tMs;
      return false;
    });
    for (const message of this.messages.splice(0, Math.max(0, excess))) this.forgotten.ownMs = message.tMs;
  }

  /** True if a service reports that it can use a replica. */
  reaches(service, replica) {
    const link = this.state?.nodes[service]?.connections?.[replica];
    return Boolean(link && link.connected && link.breaker !== 'open');
  }

  pips(service) {
    const node = this.node(service);
    return node ? this.replicas(node.group).map(replica => this.reaches(service, replica.name)) : [];
  }

  /** False without relays. Then services report which replicas do not answer, but not which direction is lost. */
  get knowsDirections() { return this.hello?.messages !== false; }

  /** The faults of a link, for each of its two directions. */
  link(id) {
    const whole = {cut: false, delayMs: 0};
    return this.state?.links[id] ?? {toReplica: whole, toService: whole};
  }

  /**
   * The links between the sites of one group, drawn as one cable. Its strands are the links.
   * `cut`: `no`, `some`, `all`, or `westward` or `eastward` if all messages in that direction are lost.
   */
  cable(group) {
    const links = (this.hello?.links ?? []).filter(link => {
      const service = this.node(link.service), replica = this.node(link.replica);
      return service.group === group && service.site !== replica.site;
    });
    const strands = links.map(link => {
      const fault = this.link(link.id), eastern = this.node(link.service).site === 'east';
      return {
        id: link.id,
        ...link,
        westward: eastern ? fault.toReplica : fault.toService,
        eastward: eastern ? fault.toService : fault.toReplica
      };
    });
    const west = strands.filter(strand => strand.westward.cut).length;
    const east = strands.filter(strand => strand.eastward.cut).length;
    const all = strands.length;
    const cut = !west && !east       ? 'no'
      : west === all && east === all ? 'all'
      : west === all && !east        ? 'westward'
      : east === all && !west        ? 'eastward'
                                     : 'some';
    const delays = strands.flatMap(strand => [strand.westward.delayMs, strand.eastward.delayMs]);
    return {links, strands, cut, delayMs: Math.max(0, ...delays), evenly: new Set(delays).size === 1};
  }

  get activeFaults() { return this.faults.filter(fault => fault.toMs === null); }
}
