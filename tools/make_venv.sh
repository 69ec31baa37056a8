#!/usr/bin/env bash
# Make a virtual environment with the tested versions and this package in editable form. Asks nothing.
set -euo pipefail

USAGE="usage: bash tools/make_venv.sh FOLDER (environment: PYTHON, PIP_ARGS, e.g. an index to install from)"
case "${1:-}" in -h | --help) echo "$USAGE"; exit ;; esac
if [ $# -ne 1 ]; then
    echo "$USAGE" >&2
    exit 2
fi
VENV=$1
HERE=$(cd "$(dirname "$0")/.." && pwd)
PIP_ARGS=${PIP_ARGS:-}
SUITABLE='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))'

fail() {
    echo "error: $1" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.10}; do
        if "$candidate" -c "$SUITABLE" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python from 3.10 to 3.12 among: ${PYTHON:-python3 python3.11 python3.12 python3.10}; install one, or name \
it: make PYTHON=/path/to/python ..."
}

python=$(find_python)
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python cannot make virtual environments; on Debian and Ubuntu run: apt-get install python3-venv"
# A half-made environment of an earlier call, or one whose Python is gone, is made anew.
"$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$VENV"

export PIP_DISABLE_PIP_VERSION_CHECK=1
# PIP_ARGS is meant to be split into words.
# shellcheck disable=SC2086
"$VENV/bin/python" -m pip install --quiet $PIP_ARGS -r "$HERE/requirements/tested.txt" -r "$HERE/requirements/dev.txt"
# setuptools is pinned above, so no isolated build environment is needed.
"$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e "$HERE"
"$VENV/bin/python" -c 'import cv2' 2>/dev/null ||
    fail "OpenCV does not import; on Debian and Ubuntu run: apt-get install libgl1 libglib2.0-0"
