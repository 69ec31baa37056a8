"""The demo recipes end to end on generated data: layouts, decoders, training, test of the unseen domain."""

import json
import subprocess
import sys

import pytest

from mmda_ext.datasets.synthetic import DemoSpec, make_demo_data
from tests.conftest import ROOT

RECIPES = {
    'hac': ('gmp_slowfast_demo_to-human.py', 'splits', 'human'),
    'epic': ('gmp_slowfast_demo-epic_to-d1.py', 'MM-SADA_Domain_Adaptation_Splits', 'D1'),
}


@pytest.mark.slow
@pytest.mark.parametrize('layout', RECIPES)
def test_recipe_trains_and_tests_the_unseen_domain(layout, tmp_path):
    recipe, splits, target = RECIPES[layout]
    root = tmp_path / 'data'
    make_demo_data(root, DemoSpec.for_layout(layout, train_per_class=2, test_per_class=1), workers=1)
    own = tmp_path / 'recipe.py'
    data = f'dict(dataset=dict(data_root={str(root)!r}, ann_dir={str(root / splits)!r}))'
    own.write_text(f"""
_base_ = [{str(ROOT / 'configs' / 'demo' / recipe)!r}]
train_dataloader = {data}
val_dataloader = {data}
test_dataloader = {data}
train_cfg = dict(max_epochs=1)
""")
    command = [sys.executable, 'tools/train.py', str(own), '--work-dir', str(tmp_path / 'run')]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    assert 0 <= result['test'][f'{target}/acc/top1'] <= 100
    scalars = next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text()
    assert 'balance/rho_video' in scalars
