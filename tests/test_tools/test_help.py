"""Every tool helps with ``--help``, in the words of its own page; all of them in one process."""

import logging
import os
import re
import runpy
import sys

import pytest

from mmda_ext.apis.one_line_errors import LAUNCHER_VARIABLE
from tests.conftest import ROOT

TOOLS = sorted(path for path in (ROOT / 'tools').rglob('*.py'))
#: Used by other tools.
PARTS = ('preload.py', 'sweep_cell.py', 'interleaved.py', 'encoder_passes.py', 'benchmark_file.py',
         'benchmark_search.py', 'benchmark_share.py', 'sweep_display.py', 'docstring_math.py')


@pytest.fixture
def run_help(monkeypatch, capsys):
    def run(path):
        monkeypatch.setattr(sys, 'argv', [str(path), '--help'])
        monkeypatch.syspath_prepend(str(path.parent))
        monkeypatch.syspath_prepend(str(ROOT / 'tools'))
        code = 0
        try:
            runpy.run_path(str(path), run_name='__main__')
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr()

    return run


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.name)
def test_every_tool_helps(run_help, path):
    code, (out, err) = run_help(path)
    assert logging.root.manager.disable == logging.NOTSET, 'asking for help silences the log of this process'
    assert LAUNCHER_VARIABLE not in os.environ, 'asking for help makes this process one of several'
    assert (code or 0, err) == (0, '')
    if path.name in PARTS:
        assert 'does nothing by itself' in out
    else:
        assert out.startswith(f'usage: {path.name}')
        assert len(out.split('\n\n')) > 1


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.name)
def test_help_names_files_that_exist(path):
    text = re.match(r'\s*"""(.*?)"""', path.read_text(), re.S)[1]
    for name in re.findall(r'(?<!_)(?:configs|tools|docs)/[\w./{}-]+\.(?:py|sh|md)', text):
        assert list(ROOT.glob(re.sub(r'\{\w+\}', '*', name))), f'{path.name} names {name}'
