#!/usr/bin/env bash
# Run tools/test.py in several processes (on the CPU where there is no accelerator).
# Environment: NNODES, NODE_RANK, PORT, MASTER_ADDR.
set -euo pipefail

USAGE="usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags]"
case "${1:-}" in -h | --help) echo "$USAGE"; exit ;; esac
if [ $# -lt 3 ]; then
    echo "$USAGE" >&2
    exit 2
fi
CONFIG=$1; CHECKPOINT=$2; GPUS=$3; shift 3
HERE=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$HERE/..:${PYTHONPATH:-}" exec python "$HERE/launch.py" \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$GPUS" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$HERE/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
