// Sorts faults by severity, the most severe first. Faults of one kind are sorted by their start, the oldest first.

/** The page names the first fault and counts the others, so a partition ranks first and a delay last. */
const ORDER = ['cut', 'unreachable', 'oneWay', 'down', 'paused', 'slow'];

export const bySeverity = faults =>
  [...faults].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.fromMs - b.fromMs);
