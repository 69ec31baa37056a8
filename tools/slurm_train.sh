#!/usr/bin/env bash
# Run tools/train.py under Slurm.
# Environment: GPUS, GPUS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS, MASTER_PORT.
set -euo pipefail

USAGE="usage: bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [flags]"
case "${1:-}" in -h | --help) echo "$USAGE"; exit ;; esac
if [ $# -lt 3 ]; then
    echo "$USAGE" >&2
    exit 2
fi
PARTITION=$1; JOB_NAME=$2; CONFIG=$3; shift 3
HERE=$(cd "$(dirname "$0")" && pwd)
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
# Jobs that share a node must not share a port.
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}

# SRUN_ARGS is meant to be split into words.
# shellcheck disable=SC2086
PYTHONPATH="$HERE/..:${PYTHONPATH:-}" exec srun -p "$PARTITION" --job-name="$JOB_NAME" \
    --gres="gpu:$GPUS_PER_NODE" --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$HERE/train.py" "$CONFIG" --launcher slurm "$@"
