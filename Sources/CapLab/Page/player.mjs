// The controls of a replay below the map, and the current step of the drill above the map.

import {$, attribute, h, show, text} from './dom.mjs';
import {SPEEDS} from './replay.mjs';

const STEP_MS = 1_000;
const JUMP_MS = 5_000;
/** Steps that are less than this apart are shown as one step. */
const TOGETHER_MS = 400;
/** If there are more steps than this, the timeline has no room for their numbers. */
const MANY = 16;
/** A step that began longer ago than this is shown with `after:` before its text. */
const FRESH_MS = 1_000;
/** Texts of steps with more characters than this have a smaller font. */
const LONG = 44;

/** A time of the run as text: 0.0 s, 12.3 s. */
export const clock = ms => `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;

/** The steps of the drill, ordered by time. Steps that are less than `TOGETHER_MS` apart are joined. */
function stepsOf(recording) {
  const steps = [];
  for (const {atMs, text} of [...(recording.drill?.steps ?? [])].sort((a, b) => a.atMs - b.atMs)) {
    const last = steps.at(-1);
    if (last && atMs - last.atMs < TOGETHER_MS)
      last.text += `, ${text}`;
    else
      steps.push({atMs, text});
  }
  return steps;
}

export function phaseAt(recording, ms) {
  const phases = recording.summary?.phases ?? [];
  return phases.find(phase => ms < phase.toMs) ?? phases.at(-1) ?? null;
}

/** Builds the controls in `root` and connects the keyboard. */
export function build(root, player, recording) {
  const scrub = h('input', {
    id: 'scrub',
    type: 'range',
    min: 0,
    max: player.durationMs,
    step: 100,
    value: 0,
    'aria-label': 'Time of the run'
  });
  const many = stepsOf(recording).length > MANY;
  let resume = false;
  scrub.addEventListener('pointerdown', () => {
    resume = player.playing;
    player.pause();
  });
  scrub.addEventListener('pointerup', () => {
    if (resume) player.play();
    resume = false;
  });
  scrub.addEventListener('input', () => player.seek(Number(scrub.value)));
  root.replaceChildren(
    h('div', {id: 'player', role: 'group', 'aria-label': 'Replay'},
      h('button', {id: 'play', class: 'primary', onclick: () => player.toggle()}, 'Play'),
      h('div', {class: 'track'}, h('div', {class: `marks${many ? ' many' : ''}`, 'aria-hidden': 'true'},
        marks(player, recording)), scrub),
      h('output', {id: 'time', for: 'scrub'}),
      h('span', {class: 'seg', role: 'group', 'aria-label': 'Speed'},
        SPEEDS.map(speed => h('button', {'data-speed': speed, onclick: () => player.setSpeed(speed)}, `×${speed}`)))),
    h('div', {class: 'row'}, steps(player, recording), h('span', {id: 'sampling'})));
  document.addEventListener('keydown', event => press(event, player));
}

/** The marks on the timeline: a band per fault, and a numbered tick per step. */
function marks(player, recording) {
  const percent = ms => `${Math.min(100, Math.max(0, ms / player.durationMs * 100))}%`;
  const place = (element, fromMs, toMs) => {
    element.style.left = percent(fromMs);
    if (toMs !== undefined) element.style.width = percent(toMs - fromMs);
    return element;
  };
  return [
    player.run.faults.map(
      fault => place(h('i', {class: 'fault', title: fault.label}), fault.fromMs, fault.toMs ?? player.durationMs)),
    stepsOf(recording).map(
      (step, at) => place(h('b', {class: 'tick', title: `${clock(step.atMs)}: ${step.text}`}, at + 1), step.atMs))
  ];
}

/** A button per step, which moves the replay to the time of the step. */
function steps(player, recording) {
  const list = stepsOf(recording);
  return h('ol', {class: `script${list.length > MANY ? ' many' : ''}`, 'aria-label': 'Steps of the drill'},
    list.map(
      (step, at) => h('li', {},
        h('button', {'data-step': at, onclick: () => player.seek(step.atMs)}, h('b', {}, at + 1),
          ` ${step.text} `, h('small', {}, clock(step.atMs))))));
}

function press(event, player) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest('dialog, #menu')) return;
  const jump = event.shiftKey ? JUMP_MS : STEP_MS;
  if (event.key === 'ArrowRight')
    player.seek(player.nowMs + jump);
  else if (event.key === 'ArrowLeft')
    player.seek(player.nowMs - jump);
  else if (event.key === 'Home')
    player.seek(0);
  else if (event.key === 'End')
    player.seek(player.durationMs);
  // If a button or link has the focus, the space bar activates it instead.
  else if (event.key === ' ' && !target.closest('button, a, summary, [role=button]'))
    player.toggle();
  else
    return;
  event.preventDefault();
}

/** Shows the current time, phase and step. */
export function draw(root, player, recording) {
  const now = player.nowMs, phase = phaseAt(recording, now), list = stepsOf(recording);
  const at = list.findLastIndex(step => step.atMs <= now), ended = now >= player.durationMs;
  text($('#play', root), player.playing ? 'Pause' : ended ? 'Again' : 'Play');
  attribute($('#play', root), 'data-playing', String(player.playing));
  text($('#time', root), `${clock(now)} of ${clock(player.durationMs)}`);
  const scrub = $('#scrub', root);
  if (Number(scrub.value) !== Math.round(now / 100) * 100) scrub.value = now;
  attribute(scrub, 'aria-valuetext',
    `${clock(now)}${phase ? `, ${phase.name}` : ''}${at >= 0 ? `, ${list[at].text}` : ''}`);
  for (const button of root.querySelectorAll('[data-speed]'))
    attribute(button, 'aria-pressed', String(Number(button.dataset.speed) === player.speed));
  for (const button of root.querySelectorAll('[data-step]'))
    attribute(button, 'aria-current', Number(button.dataset.step) === at ? 'step' : null);
  reveal($('.script', root), $(`[data-step="${Math.max(0, at)}"]`, root));
  const words = {before: 'before the fault', during: 'during the fault', after: 'after the fault'};
  const step = list[at]?.text ?? 'steady load at both sites', isPast = at >= 0 && now - list[at].atMs >= FRESH_MS;
  show($('#step'), [phase?.name, at, isPast], () => [
    phase && h('span', {class: `phase ${phase.name}`}, words[phase.name] ?? phase.name), h('small', {class: 'clock'}),
    h('b', {class: step.length > LONG ? 'long' : null}, `${isPast ? 'after: ' : ''}${step}`)
  ]);
  text($('#step .clock'), clock(now));
}

/** Scrolls the list of steps to the current step, but only once per step, so that a reader can scroll elsewhere. */
function reveal(list, step) {
  const signature = `${step?.dataset.step} ${list.clientWidth}`;
  if (!step || list.revealed === signature) return;
  list.revealed = signature;
  const left = step.offsetLeft - list.offsetLeft, right = left + step.offsetWidth;
  if (left < list.scrollLeft || right > list.scrollLeft + list.clientWidth)
    list.scrollTo({left: left - list.clientWidth / 3});
}
