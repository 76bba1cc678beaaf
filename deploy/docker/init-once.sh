#!/bin/bash
# init-once: makes the CP group at the very first start, and never again.
#
# 'app-cp init' refuses by itself where a group is in use. The mark, which lies in a volume that goes with the replicas'
# volumes, is for the one case that it cannot know: all replicas wiped under a group that was there. That is for a person
# to decide about, not for a start.
set -euo pipefail

mark=${1:?usage: init-once FILE}
if [ -e "$mark" ]; then
    echo "init-once: the group was made before ($mark)"
    exit 0
fi
app-cp init --timeout-sec 30
touch "$mark"
