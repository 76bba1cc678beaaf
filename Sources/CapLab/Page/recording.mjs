// The recording inside a report. A live page has none.

const element = document.getElementById('recording');

/** The recorded run, or null on a live page. */
export const recording = element ? JSON.parse(element.textContent) : null;

/** The page shows a recording: nothing can be asked or changed. */
export const isReplay = recording !== null;
