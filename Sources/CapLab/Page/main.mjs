// Starts the page: connects the events to the views, and draws changes ten times per second.

import * as actions from './actions.mjs';
import * as answers from './answers.mjs';
import * as charts from './charts.mjs';
import * as controls from './controls.mjs';
import {$, attribute, seconds, text} from './dom.mjs';
import {Store} from './events.mjs';
import {bySeverity} from './faults.mjs';
import * as lanes from './lanes.mjs';
import * as legend from './legend.mjs';
import * as map from './map.mjs';
import * as menu from './menu.mjs';
import {Motion} from './motion.mjs';
import * as playerView from './player.mjs';
import * as print from './print.mjs';
import {isReplay, recording} from './recording.mjs';
import * as records from './records.mjs';
import {Player} from './replay.mjs';
import * as report from './report.mjs';
import * as terms from './terms.mjs';
import {Toggle} from './toggle.mjs';
import {Tour} from './tour.mjs';
import * as verdict from './verdict.mjs';
import {Wires} from './wires.mjs';

const DRAW_MS = 100;
const store = new Store();
const stage = $('#stage');
let wires = null, motion = null, player = null, dirty = true, hideNotice = 0;

function tell(words, isProblem) {
  const notice = $('#notice');
  text(notice, words);
  notice.hidden = false;
  notice.classList.toggle('problem', Boolean(isProblem));
  clearTimeout(hideNotice);
  hideNotice = setTimeout(() => {
    notice.hidden = true;
  }, isProblem ? 12_000 : 3_000);
}

// A report has no tour, because it has no services that could answer.
const tour = isReplay ? null : new Tour($('#tour'), store, () => {
  dirty = true;
});
const veiled = () => tour?.veiled() ?? new Set();

function theme(name) {
  document.documentElement.dataset.theme = name;
  text($('#theme'), name === 'dark' ? 'Light' : 'Dark');
}

function present(on = !document.body.classList.contains('present')) {
  document.body.classList.toggle('present', on);
  attribute($('#present'), 'aria-pressed', String(on));
  dirty = true;
}

const isCut = () => ['cp', 'ap'].some(group => store.cable(group).cut !== 'no');
const toggle = new Toggle(store, isCut,
  wasCut => wasCut ? actions.act('/actions/heal', {}) : actions.act('/actions/cut', {target: 'west'}));

function begin() {
  menu.close();
  map.build(stage, store);
  wires = new Wires(stage, store);
  motion = new Motion(wires, () => player ? player.flightMs : performance.now());
  if (!isReplay) controls.build($('#controls'), store);
  dirty = true;
}

function header() {
  text($('#topic-key'), store.key);
  const [worst, ...others] = bySeverity(store.activeFaults);
  text($('#fault-now'), worst ? `${worst.label} for ${seconds(store.nowMs - worst.fromMs)}${
                                  others.length ? `, ${others.length} more` : ''}`
                              : '');
  const bug = store.hello?.bug;
  $('#bug').hidden = !bug;
  document.body.classList.toggle('has-bug', Boolean(bug));
  if (bug) text($('#bug'), `A bug is switched on: ${bug.name}. ${bug.text}`);
  const states = {
    connecting: 'connecting …',
    lost: 'connection lost, trying again',
    replay: 'recorded run',
    open: actions.readOnly() ? 'live, read-only' : 'live'
  };
  text($('#connection'), states[store.connection]);
  attribute(document.body, 'data-connection', store.connection);
  attribute(document.body, 'data-cut', store.hello ? store.cable('cp').cut : null);
  const label = isCut() ? 'Heal links' : 'Cut west';
  for (const button of document.querySelectorAll('[data-action="toggle-cut"]')) {
    text(button, label);
    button.hidden = actions.readOnly();
  }
  const next = $('#tour-next');
  text($('#dock-next'), next?.textContent ?? 'Start again');
  $('#dock-next').disabled = Boolean(next?.disabled);
}

function draw() {
  if (!store.hello) return header();
  const hidden = veiled();
  if (!hidden.size)
    store.veiledAt = null;
  else
    store.veiledAt ??= store.nowMs;
  if (player) playerView.draw($('#map'), player, recording);
  map.draw(stage, store, hidden);
  wires.draw();
  if (!player) controls.draw($('#controls'), store);
  tour?.draw();
  verdict.draw($('#verdict'), store, hidden, () => {
    dirty = true;
  });
  answers.draw($('#log'), store, hidden);
  records.draw($('#records'), store, hidden);
  lanes.draw($('#lanes'), store, hidden, tour?.started ? tour.step.store : null);
  header();
}

const drawCharts = () => charts.draw($('#charts'), store, veiled(), player?.run);

/** Shows a recorded run instead of the running lab. */
function replay() {
  report.build(recording);
  player = new Player(recording, store);
  playerView.build($('#controls'), player, recording);
  charts.seekable($('#charts'), player);
  print.listen(player, recording, () => {
    draw();
    drawCharts();
  });
  player.addEventListener('change', () => {
    dirty = true;
  });
  player.addEventListener('seek', event => {
    dirty = true;
    lastChart = 0;
    motion?.clear();
    for (const {list, ageMs} of event.detail) motion?.addMessages(list, ageMs);
  });
  // `#t=12.5` in the address opens the report at 12.5 s.
  const from = Number(new URLSearchParams(location.hash.slice(1)).get('t'));
  draw();
  if (from)
    player.seek(from * 1000);
  else if (!matchMedia('(prefers-reduced-motion: reduce)').matches)
    player.play();
}

store.addEventListener('begin', begin);
store.addEventListener('restart', () => {
  tour?.restart();
  // Load the page again, because it contains the token, and each start of the lab has another one.
  sessionStorage.setItem('restarted', 'yes');
  tell('The lab was restarted. Loading the page again.', true);
  setTimeout(() => location.reload(), 800);
});
store.addEventListener('messages', event => motion?.addMessages(event.detail.list));
store.addEventListener('answers', event => motion?.addAnswers(event.detail));
store.addEventListener('connection', () => {
  dirty = true;
});

actions.prepare(store, tell);
terms.listen();
menu.listen(store);
legend.build($('#legend'), store);
answers.build($('#log'), id => {
  lanes.select(store, id);
  dirty = true;
});
charts.build($('#charts'), drawCharts);
lanes.build($('#lanes'), () => {
  dirty = true;
});
controls.startReading(store);

if (sessionStorage.getItem('restarted')) {
  sessionStorage.removeItem('restarted');
  tell('The lab was restarted: all data is new, and the tour begins again.', true);
}

const wanted = new URLSearchParams(location.search);
const dark = matchMedia('(prefers-color-scheme: dark)');
theme(wanted.get('theme') ?? (dark.matches ? 'dark' : 'light'));
if (!wanted.has('theme')) dark.addEventListener('change', () => theme(dark.matches ? 'dark' : 'light'));
if (wanted.has('present')) present(true);

$('#notice').addEventListener('tell', event => tell(...event.detail));
$('#theme').addEventListener(
  'click', () => theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
$('#present').addEventListener('click', () => present());
$('#dock-next').addEventListener('click', () => {
  $('#tour-next') ? tour?.next() : tour?.restart();
  // On a phone, the tour may be outside the visible part of the page. The reader must see the next question.
  draw();
  $('#tour').scrollIntoView({block: 'nearest'});
});
document.addEventListener('click', event => {
  if (event.target.closest('[data-action="toggle-cut"]')) toggle.press();
});
document.addEventListener('keydown', event => {
  if (event.target.closest('input, select, textarea, dialog, #menu') || event.ctrlKey || event.metaKey || event.altKey)
    return;
  if (event.key === 'p') return present();
  if (isReplay) return;
  if (event.key === 'ArrowRight')
    tour.next();
  else if (event.key === 'ArrowLeft')
    tour.back();
  else if (/^[1-4]$/.test(event.key))
    tour.pick(Number(event.key) - 1);
  // Ignore the repetitions of a key that is held down.
  else if (event.key === 'c' && !event.repeat)
    toggle.press();
});

let lastDraw = 0, lastChart = 0;
function frame(now) {
  // Request the next frame first, so that an error below does not stop the page.
  requestAnimationFrame(frame);
  player?.frame(now);
  if (now - lastDraw >= DRAW_MS || dirty) {
    lastDraw = now;
    dirty = false;
    draw();
  }
  if (now - lastChart >= 500) {
    lastChart = now;
    drawCharts();
  }
  motion?.frame();
}
requestAnimationFrame(frame);
if (isReplay)
  replay();
else
  store.open('/events');
