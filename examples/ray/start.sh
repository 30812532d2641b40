#!/bin/bash
# Start Ray by hand, where neither SLURM nor the launcher of clusters does.
#   examples/ray/start.sh head                 on the first machine; it says its address
#   examples/ray/start.sh join 192.168.0.10    on every other machine
#   examples/ray/start.sh stop                 on each, in the end
set -euo pipefail

PORT=${PORT:-6379}
CPUS=${CPUS:-$(nproc)} # units done at a time on this machine, each with one thread

case "${1:-}" in
head) ray start --head --port "$PORT" --num-cpus "$CPUS" --include-dashboard=false ;;
join) ray start --address "${2:?the address of the first machine}:$PORT" --num-cpus "$CPUS" ;;
stop) ray stop ;;
*)
    echo "usage: $0 head | join ADDRESS | stop" >&2
    exit 2
    ;;
esac
