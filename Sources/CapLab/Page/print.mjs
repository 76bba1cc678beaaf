// Prints a report: the tables, and a still map and charts at a telling moment, in light colours.

import {faultPhase} from './story.mjs';

/** Shortly before the end of the fault, all that it does can be seen. */
const BEFORE_END_MS = 500;

export function tellingMs({summary, durationMs}) {
  const phase = summary.phases[faultPhase(summary)];
  return phase ? Math.max(phase.fromMs, phase.toMs - BEFORE_END_MS) : durationMs;
}

/** @param redraw draws everything at once, in the layout of the moment. */
export function listen(player, recording, redraw) {
  const root = document.documentElement;
  let before = null;
  addEventListener('beforeprint', () => {
    before = {atMs: player.nowMs, playing: player.playing, theme: root.dataset.theme};
    player.pause();
    player.seek(tellingMs(recording));
    root.dataset.theme = 'light';
    // The layout of the paper is measured before it is printed: the lines of the map follow its boxes.
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
