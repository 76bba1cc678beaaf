// Prints a report: the tables, and the map and the charts at the end of the fault, in light colours.

import {faultPhase} from './story.mjs';

/** On paper, the map shows its state this long before the end of the fault. All effects are then visible. */
const BEFORE_END_MS = 500;

export function tellingMs({summary, durationMs}) {
  const phase = summary.phases[faultPhase(summary)];
  return phase ? Math.max(phase.fromMs, phase.toMs - BEFORE_END_MS) : durationMs;
}

/** @param redraw draws everything at once. */
export function listen(player, recording, redraw) {
  const root = document.documentElement;
  let before = null;
  addEventListener('beforeprint', () => {
    before = {atMs: player.nowMs, playing: player.playing, theme: root.dataset.theme};
    player.pause();
    player.seek(tellingMs(recording));
    root.dataset.theme = 'light';
    // Apply the layout of the paper and draw again before printing, because the links are drawn to the measured boxes.
    document.body.classList.add('printing');
    redraw();
  });
  addEventListener('afterprint', () => {
    if (!before) return;
    document.body.classList.remove('printing');
    root.dataset.theme = before.theme;
    player.seek(before.atMs);
    if (before.playing) player.play();
    before = null;
    redraw();
  });
}
