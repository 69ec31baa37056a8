"""Every training command of docs/migration.md is understood as the page says."""

import re
import shlex

import pytest

from mmda_ext.apis.cli import train_parser
from mmda_ext.apis.compose import choice_of
from mmda_ext.apis.config_edits import load_config
from mmda_ext.apis.recipe_files import methods
from tests.conftest import ROOT

PAGE = (ROOT / 'docs' / 'migration.md').read_text(encoding='utf-8')
COMMANDS = [line for block in re.findall(r'```bash\n(.*?)```', PAGE, flags=re.S) for line in block.splitlines()]


def read(command, *more):
    args = train_parser().parse_args([*shlex.split(command)[2:], *more])
    return load_config(args.config, args.cfg_options, args.new_options, choice_of(args))


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.split()[2])
def test_a_command_is_understood(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert command.startswith('python tools/train.py configs/methods/')
    assert read(command).model.type


def test_simmmdgs_command_names_the_defaults(monkeypatch):
    monkeypatch.chdir(ROOT)
    plain, options = COMMANDS[0].split(' --cfg-options ')
    assert read(plain).to_dict() == read(f'{plain} --cfg-options {options}').to_dict()
    cfg = read(plain, '--cfg-options', 'model.objectives.1.loss_weight=1.0', 'model.objectives.1.hidden_channels=1024')
    assert cfg.model.objectives[1].type == 'mmda_ext.CrossModalTranslation'
    assert (cfg.model.objectives[1].loss_weight, cfg.model.objectives[1].hidden_channels) == (1.0, 1024)


def test_the_methods_in_the_tables_exist():
    known = set(methods())
    rows = [line.split('|') for line in PAGE.splitlines() if line.startswith('| ')]
    named = {name for row in rows if len(row) > 3 for name in re.findall(r'`([a-z][a-z-]+)`', row[2])}
    assert {'erm', 'simmmdg', 'source-mmd', 'drb', 'group-dro'} <= named
    assert named - known <= {'ravdess', 'hac', 'mmcv-lite'}, named - known
