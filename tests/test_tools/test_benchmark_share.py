"""Several processes fill one benchmark: no cell is trained twice, and none is lost with a process that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

TRAINER = """
import json, pathlib, sys, time
from mmda_ext.folder_lock import lock_folder
folder = pathlib.Path(sys.argv[sys.argv.index('--work-dir') + 1])
with lock_folder(folder):
    with open('calls.txt', 'a') as calls:
        calls.write(f'{folder}\\n')
    while pathlib.Path('hold.txt').exists():
        time.sleep(0.02)
    broken = pathlib.Path('broken.txt')
    if broken.exists() and broken.read_text() in str(folder):
        sys.exit(3)
    result = {'val': {'acc/top1': 50.0}, 'test': {'acc/top1': 60.0}, 'selection': 'source_validation'}
    (folder / 'result.json').write_text(json.dumps(result))
"""
PROTOCOL = 'rows: [erm, base]\ntables: {x: {dataset: avdigits, targets: [usps]}}\nseeds: 2\nsearch: {trials: 2}\n'
#: Two rows with two trials and two seeds.
CELLS = 8


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    (tmp_path / 'trainer.py').write_text(TRAINER)
    (tmp_path / 'protocol.yaml').write_text(PROTOCOL)
    (tmp_path / 'hold.txt').touch()
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    return tmp_path


def begin(place: Path, file: str = 'protocol.yaml') -> subprocess.Popen:
    command = [sys.executable, str(ROOT / 'tools/benchmark.py'), file, '--work-dir', 'out', '--trainer', 'trainer.py']
    return subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def calls(place: Path) -> list[str]:
    return (place / 'calls.txt').read_text().splitlines() if (place / 'calls.txt').exists() else []


def wait_for_calls(place: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(calls(place)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(calls(place)) == count


@pytest.mark.slow
def test_two_share_the_cells_another_protocol_is_refused_and_ended_ones_lose_nothing(place):
    (place / 'other.yaml').write_text(PROTOCOL.replace('seeds: 2', 'seeds: 3'))
    (place / 'broken.txt').write_text('base/usps/seed1')
    first, second = begin(place), begin(place)
    wait_for_calls(place, 2)
    assert len(set(calls(place))) == 2
    third = begin(place, 'other.yaml')
    said = third.communicate(timeout=60)[0]
    assert (third.returncode, 'by another protocol' in said) == (2, True), said
    late = begin(place)
    wait_for_calls(place, 3)
    late.send_signal(signal.SIGINT)
    assert late.wait(timeout=60) == 130, late.communicate()[0]
    os.kill(first.pid, 9)
    first.wait()
    (place / 'hold.txt').unlink()
    said = second.communicate(timeout=120)[0]
    assert second.returncode == 1, said
    begun = calls(place)
    assert (len(begun), len(set(begun))) == (CELLS + 1, CELLS), said  # what was stopped by Ctrl-C is begun again
    cells = json.loads((place / 'out/x/results.json').read_text())['cells']
    assert sorted(cell['state'] for cell in cells) == ['done'] * 3 + ['failed']
    assert (place / 'out/x/table.md').exists()


@pytest.mark.slow
def test_a_cell_that_failed_for_one_is_not_tried_by_the_other(place):
    (place / 'broken.txt').write_text('base/usps/seed1')
    both = [begin(place), begin(place)]
    wait_for_calls(place, 2)
    (place / 'hold.txt').unlink()
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [1, 1], said
    assert len(calls(place)) == len(set(calls(place))) == CELLS, said
