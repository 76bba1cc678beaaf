// The tour: one sentence and one question per step. It sends real actions and requests, and shows real answers.

import {act, ask, command, readOnly, resolve} from './actions.mjs';
import {outcome} from './answers.mjs';
import {chapters} from './chapters.mjs';
import {copyable} from './commands.mjs';
import {$, badge, h, kindOf, millis, show, tag} from './dom.mjs';

const PATHS = {
  cut: '/actions/cut',
  heal: '/actions/heal',
  process: '/actions/process',
  key: '/key'
};
const WITHIN_MS = 20_000;
const PAUSE_MS = 300;
const steps =
  chapters.flatMap((chapter, number) => chapter.steps.map((step, index) => ({...step, chapter, number, index})));
const sleep = ms => new Promise(done => setTimeout(done, ms));

/** The tour and its state. `progress` has the state of each step since the last restart. */
export class Tour {
  constructor(root, store, changed) {
    Object.assign(this, {root, store, changed});
    this.restart();
    root.addEventListener('click', event => {
      const button = event.target.closest('button');
      if (button?.dataset.pick)
        this.pick(Number(button.dataset.pick));
      else if (button?.id === 'tour-next')
        this.next();
      else if (button?.id === 'tour-back')
        this.back();
      else if (button?.id === 'tour-restart')
        this.restart();
    });
  }

  restart() {
    this.run = (this.run ?? 0) + 1;
    this.at = 0;
    this.progress =
      steps.map(() => ({entered: false, busy: '', picked: null, revealed: false, answers: [], named: {}, problem: ''}));
    this.progress[0].entered = true;
    this.finished = false;
    this.changed?.();
  }

  get step() { return steps[this.at]; }
  get state() { return this.progress[this.at]; }
  get started() { return this.at > 0 || this.state.picked !== null; }

  /** The services whose answers are hidden, because an open question asks about them. */
  veiled() {
    if (!this.started || readOnly() || this.finished) return new Set();
    // Answers that the next step asks about stay hidden after this step is answered.
    if (this.state.revealed) return new Set(this.progress[this.at + 1]?.revealed ? [] : this.step.veilAfter ?? []);
    return new Set(this.step.veil ?? []);
  }

  async pick(choice) {
    const {step, state} = this;
    if (this.finished || state.busy || state.picked !== null || choice >= step.choices.length) return;
    state.picked = choice;
    await this.perform(step, state, step.reveal ?? [], 'Asking the services …');
    state.revealed = true;
    this.changed();
  }

  async next() {
    if (this.state.busy) return;
    if (!this.state.revealed) return this.pick(-1);
    if (this.at === steps.length - 1) {
      this.finished = true;
      if (!readOnly()) await act(PATHS.heal, {}).then(() => this.startAll()).catch(() => {});
      return this.changed();
    }
    this.at += 1;
    const {step, state} = this;
    if (!state.entered) {
      state.entered = true;
      this.changed();
      await this.perform(step, state, step.before ?? [], 'Preparing this step …');
    }
    this.changed();
  }

  back() {
    if (this.finished)
      this.finished = false;
    else if (this.at > 0)
      this.at -= 1;
    this.changed();
  }

  async perform(step, state, list, words) {
    if (!list.length || readOnly()) return;
    const run = this.run;
    state.busy = words;
    this.changed();
    try {
      for (const one of list) {
        if (run !== this.run) return;
        await this.one(one, state);
      }
    } catch (error) { state.problem = error.message; }
    state.busy = '';
    this.changed();
  }

  async one(item, state) {
    if (item.startAll) return this.startAll();
    for (const [name, path] of Object.entries(PATHS)) {
      if (!item[name]) continue;
      if (name === 'key' && item.key.key === this.store.key) return;
      await act(path, item[name]);
      // Wait until the page shows the new key, because the following requests use the shown key.
      for (let tries = 0; name === 'key' && this.store.key !== item.key.key && tries < 20; tries += 1) await sleep(100);
      return;
    }
    let answer;
    if (item.resolve)
      answer = await resolve(item.resolve.service, item.resolve.value);
    else if (item.cas) {
      const version = state.named[item.cas.of]?.version ?? undefined;
      answer = await ask({service: item.cas.service, op: 'cas', value: item.cas.value, version});
    } else {
      const end = performance.now() + (item.withinMs ?? WITHIN_MS);
      answer = await ask(item.send);
      while (item.until && !item.until(answer) && performance.now() < end) {
        await sleep(PAUSE_MS);
        answer = await ask(item.send);
      }
    }
    if (!item.as) return;
    state.named[item.as] = answer;
    if (state.picked !== null) state.answers.push(answer);
    this.changed();
  }

  /** Starts the processes that an earlier step or the reader has killed, and resumes those that are paused. */
  async startAll() {
    for (const [node, {process}] of Object.entries(this.store.state?.nodes ?? {})) {
      if (process === 'ended') await act(PATHS.process, {node, do: 'start'});
      if (process === 'paused') await act(PATHS.process, {node, do: 'resume'});
    }
  }

  /** The index of the choice that the real answers make right. Without requests, the one that the theory predicts. */
  right(step, state) {
    const expected = step.choices.findIndex(choice => choice.expected);
    if (readOnly() || !step.choices.some(choice => choice.when)) return expected;
    try {
      return step.choices.findIndex(choice => choice.when?.(state.named));
    } catch { return -1; }
  }

  draw() {
    const {step, state} = this, right = state.revealed ? this.right(step, state) : null;
    const signature = [
      this.at, this.finished, state.busy, state.picked, state.revealed, right, state.problem,
      state.answers.map(answer => answer.id), readOnly()
    ];
    const replaced = show(this.root, signature, () => this.finished ? this.end() : this.page(step, state, right));
    if (replaced && this.shownAt !== this.at && this.shownAt !== undefined) this.root.scrollTop = 0;
    this.shownAt = this.at;
  }

  page(step, state, right) {
    const last = this.at === steps.length - 1;
    return [
      h('div', {class: 'steps', 'aria-hidden': 'true'},
        chapters.map((chapter, number) => h('span', {}, chapter.steps.map((_, index) => h('i', {
          class: number < step.number || (number === step.number && index <= step.index) ? 'on' : ''
        }))))),
      h('h2', {}, `${step.number + 1}. ${step.chapter.title}`,
        h('span', {class: 'count', id: 'tour-count'}, `${this.at + 1} of ${steps.length}`)),
      h('p', {class: 'say'}, step.say), h('p', {class: 'question'}, step.ask),
      h('ol', {},
        step.choices
          .map((choice, index) =>
                 h('li', {},
                   h('button', {
                     'data-pick': index,
                     'data-focus': `pick${index}`,
                     disabled:
                       Boolean(state.busy) || undefined,
                     class: index === right                       ? 'right'
                       : state.picked === index && state.revealed ? 'wrong'
                                                                  : '',
                     'aria-pressed': String(state.picked === index)
                   },
                     h('span', {}, choice.text),
                     h('em', {},
                       [index === right && '✓ true', state.picked === index && 'your choice'].filter(Boolean).join(
                         ', ')))))),
      this.result(step, state, right),
      h('nav', {}, h('button', {id: 'tour-back', 'data-focus': 'back', disabled: this.at === 0 || undefined}, 'Back'),
        h('button',
          {id: 'tour-next', 'data-focus': 'next', class: 'primary', disabled: Boolean(state.busy) || undefined},
          state.revealed ? last ? 'Finish' : 'Next' : 'Show the answer'))
    ];
  }

  result(step, state, right) {
    const asks = step.reveal ?? [];
    return h('div', {class: 'result', 'aria-live': 'polite', id: 'tour-result'},
      state.busy && h('p', {class: 'muted'}, state.busy),
      state.problem && h('p', {class: 'problem'}, `The lab reported: ${state.problem}`),
      readOnly() && !state.revealed &&
        this.typed([...(step.before ?? []).filter(item => item.send?.op !== 'read'), ...asks]),
      state.answers.map(
        answer => h('p', {class: 'real', title: answer.curl},
          badge(answer.conflicts?.length > 1 ? 'failed' : kindOf(answer)), h('code', {}, answer.service),
          ` ${answer.op === 'cas' ? 'compare-and-set' : answer.op} `, answer.sent && [tag(answer.sent, 8), ' '], '→ ',
          h('b', {}, outcome(answer)), ', ', h(answer.tookMs >= 50 ? 'b' : 'span', {}, millis(answer.tookMs)))),
      state.revealed && right === -1 && !readOnly() &&
        h('p', {class: 'problem'}, 'The real answers match none of these choices.'),
      state.revealed && h('p', {class: 'why'}, step.why));
  }

  /** On a read-only page: the commands to type in place of a list of actions and requests. */
  typed(list) {
    const bodies = list.filter(item => !item.startAll).flatMap(item => {
      const name = Object.keys(PATHS).find(one => item[one]);
      if (name) return name === 'key' ? [] : [[PATHS[name], item[name]]];
      if (item.resolve) return [['/ask', {...item.resolve, op: 'write', context: '…'}]];
      if (item.cas) return [['/ask', {service: item.cas.service, op: 'cas', value: item.cas.value}]];
      return [['/ask', item.send]];
    });
    const commands = bodies.map(([path, body]) => command(path, body)), known = commands.filter(Boolean);
    return bodies.length > 0 && h('div', {class: 'commands typed'}, known.map(one => copyable(one)),
      known.length < commands.length && h('p', {class: 'muted'}, 'Compose has no command for slow links.'));
  }

  end() {
    const rights = steps.filter((step, at) => this.progress[at].picked === this.right(step, this.progress[at])).length;
    const guesses = this.progress.filter(step => step.picked !== null).length;
    return [
      h('h2', {}, 'The end'),
      h('p', {class: 'say', id: 'tour-end'},
        'A partition forces a choice: refuse some answers (CP), or allow different ones (AP).'),
      h('p', {},
        guesses ? `You predicted ${rights} of ${guesses} answers. ` : '',
        'All answers came from the running services.'),
      h('nav', {}, h('button', {id: 'tour-back'}, 'Back'),
        h('button', {id: 'tour-restart', class: 'primary'}, 'Start again'))
    ];
  }
}
