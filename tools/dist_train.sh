#!/usr/bin/env bash
# Run tools/train.py in several processes (on the CPU where there is no accelerator).
# Environment: NNODES, NODE_RANK, PORT, MASTER_ADDR.
set -euo pipefail

USAGE="usage: bash tools/dist_train.sh CONFIG GPUS [flags]"
case "${1:-}" in -h | --help) echo "$USAGE"; exit ;; esac
if [ $# -lt 2 ]; then
    echo "$USAGE" >&2
    exit 2
fi
CONFIG=$1; GPUS=$2; shift 2
HERE=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$HERE/..:${PYTHONPATH:-}" exec python "$HERE/launch.py" \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$GPUS" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$HERE/train.py" "$CONFIG" --launcher pytorch "$@"
