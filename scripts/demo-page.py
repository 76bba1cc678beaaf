#!/usr/bin/env python3
"""Makes the page of docs/demo from a report: demo-page.py REPORT.html docs/demo/index.html

The page is the report with its recording compressed, which makes it a third as large. Nothing is left out. The page's
module recording.mjs reads both forms. Exit code 1 if the page would have 500 kB or more.
"""

import base64
import gzip
import pathlib
import re
import sys

MAX_BYTES = 500_000
RECORDING = re.compile(rb'<script type="application/json" id="recording">(.*?)</script>', re.DOTALL)


def compressed(page):
    match = RECORDING.search(page)
    if not match:
        sys.exit("demo-page: the report has no recording")
    # With mtime 0, the same report always gives the same bytes.
    text = base64.b64encode(gzip.compress(match[1], compresslevel=9, mtime=0))
    element = b'<script type="application/gzip" id="recording">' + text + b"</script>"
    return page[: match.start()] + element + page[match.end() :]


def main():
    if len(sys.argv) != 3:
        print("usage: demo-page.py REPORT.html PAGE.html", file=sys.stderr)
        sys.exit(2)
    page = compressed(pathlib.Path(sys.argv[1]).read_bytes())
    if len(page) >= MAX_BYTES:
        sys.exit(f"demo-page: the page has {len(page):,} bytes, {MAX_BYTES:,} or more; shorten the recording")
    target = pathlib.Path(sys.argv[2])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(page)


if __name__ == "__main__":
    main()
