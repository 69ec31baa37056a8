"""Fixtures and paths that all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def real_data() -> Path:
    """Folder with the published split files and two real feature sets, if it is here."""
    folder = Path(os.environ.get('MMDA_REAL_DATA', ROOT.parent / 'shared' / 'data'))
    if not folder.is_dir():
        pytest.skip('no real data at hand: set MMDA_REAL_DATA')
    return folder
