#!/bin/bash
# init-once FILE: creates the CP group at the first start, and never again.
#
# 'app-cp init' itself refuses replicas of an existing group. It cannot detect that all replicas of an existing group
# were wiped. FILE, in a volume with the same lifetime as the replicas' volumes, marks that the group existed. After a
# loss of all data, a person must decide what to do, not a restart.
set -euo pipefail

mark=${1:?usage: init-once FILE}
if [ -e "$mark" ]; then
    echo "init-once: the group was created before ($mark)"
    exit 0
fi
app-cp init --timeout-sec 30
touch "$mark"
