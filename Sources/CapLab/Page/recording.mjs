// The recording inside a report: JSON, or compressed for a page that must be small. A live page has none.

const element = document.getElementById('recording');

async function read({type, textContent}) {
  if (type !== 'application/gzip') return JSON.parse(textContent);
  const bytes = Uint8Array.from(atob(textContent), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
}

/** The recorded run, or null on a live page. */
export const recording = element ? await read(element) : null;

/** The page shows a recording: nothing can be asked or changed. */
export const isReplay = recording !== null;
