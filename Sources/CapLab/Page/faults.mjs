// The faults that last, the worst first.

/** A cut hides the most, a delay the least. */
const ORDER = ['cut', 'unreachable', 'oneWay', 'down', 'paused', 'slow'];

export const bySeverity = faults =>
  [...faults].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.fromMs - b.fromMs);
