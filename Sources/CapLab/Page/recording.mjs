// The recording in a report: JSON, compressed by gzip if the page must be small. A live page has no recording.

const element = document.getElementById('recording');

async function read({type, textContent}) {
  if (type !== 'application/gzip') return JSON.parse(textContent);
  const bytes = Uint8Array.from(atob(textContent), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
}

/** The recorded run, or null on a live page. */
export const recording = element ? await read(element) : null;

/** True if the page shows a recording. Then there is no lab that could answer requests or perform actions. */
export const isReplay = recording !== null;
