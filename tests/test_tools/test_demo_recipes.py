"""The demo recipes end to end on generated data: layouts, decoders, training, test of the unseen domain."""

import json
import subprocess
import sys

import pytest

from mmda_ext.datasets.synthetic import DemoSpec, make_demo_data
from tests.conftest import ROOT
from tests.recipes import recipe_file

RECIPES = {
    'gmp_demo': ('hac', 'splits', 'human/acc/top1', 'balance/rho_video'),
    'gmp_demo-epic': ('epic', 'MM-SADA_Domain_Adaptation_Splits', 'D1/acc/top1', 'balance/rho_video'),
    'boomda_demo-adaptation': ('hac', 'splits', 'human/f1/weighted', 'balance/gamma_audio'),
}
PLACE = """
place = dict(data_root={root!r}, ann_dir={splits!r})
parts = _base_.train_dataloader.dataset.get('datasets')
train_dataloader = dict(dataset=dict(datasets=[dict(part, **place) for part in parts]) if parts else place)
val_dataloader = dict(dataset=place)
test_dataloader = dict(dataset=place)
train_cfg = dict(max_epochs=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize('recipe', RECIPES)
def test_recipe_trains_and_tests_the_target(recipe, tmp_path):
    layout, splits, score, diagnostic = RECIPES[recipe]
    root = tmp_path / 'data'
    # Source and target samples for one batch of each.
    make_demo_data(root, DemoSpec.for_layout(layout, train_per_class=4, test_per_class=1), workers=1)
    method, dataset = recipe.split('_')
    own = recipe_file(
        tmp_path / 'recipe.py', method, PLACE.format(root=str(root), splits=str(root / splits)), dataset)
    command = [sys.executable, 'tools/train.py', str(own), '--work-dir', str(tmp_path / 'run')]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    assert 0 <= result['test'][score] <= 100
    scalars = next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text()
    assert diagnostic in scalars
