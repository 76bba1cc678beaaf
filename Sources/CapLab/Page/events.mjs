// Everything that the lab reported: the event stream or a recording, and a bounded store of the last minute.

const KEEP_MS = 65_000;
const MAX_ANSWERS = 3_000;
const MAX_MESSAGES = 4_000;
const SILENCE_MS = 12_000;
/** In this time every copy is read again, or does not answer. */
const COPIES_MS = 600;

/** The state of the lab as the events told it. Bounded; cleared when the lab restarts. */
export class Store extends EventTarget {
  connection = 'connecting';
  hello = null;
  /** The time of a replay; null when live. */
  replayMs = null;
  /** No listener is told, while a replay goes to another time. */
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
    /** The ids of the requests that the reader or the tour sent, without the steady reads. */
    this.asked = new Set();
    this.sampling = {seen: 0, shown: 0};
    /** Up to these times messages of the chosen key, and of other keys, were dropped. */
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

  /** The lab's clock: the time of the replay, or from the events' times and this computer's clock. */
  get nowMs() {
    if (this.replayMs !== null) return this.replayMs;
    return this.offset === null ? 0 : performance.now() + this.offset;
  }

  /** A copy of what is known now; the events themselves never change. */
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

  /** Returns to a snapshot, which can be used again. */
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
   * When the last acknowledged change of the chosen key in a store ended, if that was after `sinceMs`, and if it set
   * another value than `values`; else null. A read that was sent before need not return it, and is still correct. A
   * read that was sent later must, and no excuse is shown for it.
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
   * Whether the copies were read before the last acknowledged change of a store ended. They are read four times a
   * second, but reported only if they differ: what is older than one such reading is still so.
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
      // A server that answers with an error closes the stream for good: try again.
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
    // The earliest arrival has the least delay, so the largest offset is the best estimate.
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
    // The same lab says hello again after a reconnect and when the key changes: what is known stays known.
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
    // Copies of the previous key may still be under way when the key changes.
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
    // The load's first, so that it does not drive out what the reader has asked.
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

  /** Drops the oldest messages, those of other keys first, and notes what is missing since. */
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

  /** Seen from one service, per replica: whether it can be used. */
  reaches(service, replica) {
    const link = this.state?.nodes[service]?.connections?.[replica];
    return Boolean(link && link.connected && link.breaker !== 'open');
  }

  pips(service) {
    const node = this.node(service);
    return node ? this.replicas(node.group).map(replica => this.reaches(service, replica.name)) : [];
  }

  /** Whether cuts are known by their direction. Without relays, services report only which replicas do not answer. */
  get knowsDirections() { return this.hello?.messages !== false; }

  /** The faults of one direction of a link. */
  link(id) {
    const whole = {cut: false, delayMs: 0};
    return this.state?.links[id] ?? {toReplica: whole, toService: whole};
  }

  /**
   * The links between the sites of one group, seen as one cable.
   * `cut`: `no`, `some`, `all`, or `out` / `back` if all messages in one geographic direction are lost.
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
