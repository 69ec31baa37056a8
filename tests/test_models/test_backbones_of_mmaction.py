"""Every line of docs/backbones.md builds a recipe that trains a step; what cannot work says so."""

import re

import pytest
import torch
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

from mmda_ext.apis.one_line_errors import explain
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS
from mmda_ext.stack import installed
from tests.conftest import ROOT
from tests.recipes import recipe as shipped
from tests.tiny import sample_of

PAGE = (ROOT / 'docs' / 'backbones.md').read_text()
#: Name, what stands after ``backbone=dict(_delete_=True,``, whether it sees images, width.
ROWS = re.findall(r"^\| (.+?) \| `(type='.+?)`( \(images\))? \| (\d+) \|$", PAGE, flags=re.M)
FOLD = re.search(r'^ +(preprocessor=.*fold_frames=True.*)$', PAGE, flags=re.M).group(1)
FRAMES = 8


@pytest.fixture(autouse=True)
def mmaction_scope():
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    yield
    if before is None:
        DefaultScope._instance_dict.clear()


def test_the_page_has_a_row_for_every_family():
    assert len(ROWS) == 18
    for family in ('TSM', 'TSN', 'Swin', 'X3D', 'SlowFast', 'SlowOnly', 'I3D', 'C3D', 'MViT', 'VideoMAE', 'UniFormer',
                   'UniFormer v2'):
        assert any(family in name for name, *_ in ROWS), family


def recipe(folder, line, images, width):
    """GMP on the dataset that the page tells to write; sizes are small."""
    line = re.sub(r'\b(num_frames|num_segments|t_size)=16', rf'\1={FRAMES}', line).replace('=224', '=32')
    path = folder / 'mine.py'
    path.write_text(f"""
_base_ = ['{ROOT}/configs/datasets/demo.py']
networks = dict(
    video=dict(
        backbone=dict(_delete_=True, {line}),
        channels={width},
        {FOLD if images else ''}))
""")
    return shipped('gmp', str(path))


def step(cfg, frames=FRAMES, size=32):
    """One training step on two samples: the model, and what moved."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    before = {name: value.clone() for name, value in model.named_parameters()}
    wrapper = OPTIM_WRAPPERS.build(dict(type='OptimWrapper', optimizer=torch.optim.SGD(model.parameters(), lr=.1)))
    clips = [torch.randint(0, 255, (1, 3, frames, size, size), dtype=torch.uint8) for _ in range(2)]
    batch = dict(inputs=dict(video=clips, audio=[torch.randn(1, 257, 40) for _ in range(2)]),
                 data_samples=[sample_of(index, index) for index in range(2)])
    assert torch.isfinite(model.train_step(batch, wrapper)['loss'])
    return model, [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]


@pytest.mark.parametrize(('name', 'line', 'images', 'width'), [
    pytest.param(*row, id=row[0], marks=[pytest.mark.slow] * (row[0] == 'C3D')) for row in ROWS])
def test_line_of_the_page_trains_a_step(tmp_path, name, line, images, width):
    frames, size = (16, 112) if name == 'C3D' else (FRAMES, 32)
    model, moved = step(recipe(tmp_path, line, images, width), frames, size)
    video = [key for key in moved if key.startswith('backbones.video')]
    convolutions = [key for key, module in model.backbones.video.named_modules()
                    if isinstance(module, (nn.Conv2d, nn.Conv3d))]
    assert any(key.startswith(f'backbones.video.{convolutions[0]}.') for key in video), 'the first layer does not learn'


@pytest.mark.parametrize(('line', 'images', 'size', 'message'), [
    ("type='ResNet', depth=50", '', 32, r"ResNet, the backbone of 'video', cannot take inputs of shape "
                                        r'\(2, 3, 8, 32, 32\).*fold_frames=True'),
    ("type='X3D', gamma_w=1, gamma_b=2.25, gamma_d=2.2", ' (images)', 32, r'X3D, .*\(16, 3, 32, 32\)'),
    ("type='UniFormerV2', input_resolution=224, t_size=16, clip_pretrained=False", '', 64,
     r'UniFormerV2.*\(2, 3, 8, 64, 64\).*docs/backbones.md'),
])
def test_what_cannot_work_is_one_sentence(tmp_path, line, images, size, message):
    with pytest.raises(ValueError, match=message) as caught:
        step(recipe(tmp_path, line, images, 2048), size=size)
    assert explain(caught.value)


@pytest.mark.skipif(installed('mmcv._ext') or installed('mmpretrain'), reason='they work then')
@pytest.mark.parametrize(('line', 'error'), [("type='ResNetTIN', depth=50, num_segments=16", ImportError),
                                             ("type='MobileOneTSM', arch='s0', num_segments=16", KeyError)])
def test_what_needs_other_packages_says_so(tmp_path, line, error):
    with pytest.raises(error) as caught:
        step(recipe(tmp_path, line, ' (images)', 2048))
    assert explain(caught.value)


def test_frames_are_folded_sample_by_sample():
    preprocessor = MODELS.build(dict(type='mmda_ext.ClipPreprocessor', fold_frames=True, format_shape='NCTHW'))
    clips = [torch.arange(2 * 3 * 4).view(2, 1, 3, 4, 1) + 100 * index for index in range(2)]
    rows, _ = preprocessor.preprocess(clips, None)
    assert rows.shape == (2 * 2 * 3, 1, 4, 1)
    expected = [clip[view, 0, frame, 0, 0] for clip in clips for view in range(2) for frame in range(3)]
    assert rows[:, 0, 0, 0].tolist() == [value.item() for value in expected]
    images = MODELS.build(dict(type='mmda_ext.ClipPreprocessor', fold_frames=True, format_shape='NCHW'))
    with pytest.raises(ValueError, match=r"not \(3, 1, 4, 4\): end the pipeline with FormatShape"):
        images.preprocess([torch.zeros(3, 1, 4, 4)], None)


def test_other_faults_of_a_backbone_keep_their_own_words():
    class Broken(nn.Module):

        def forward(self, x):
            raise RuntimeError('CUDA out of memory')

    model = MODELS.build(dict(
        type='mmda_ext.MultimodalRecognizer', backbones=dict(video=dict(type=Broken)),
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=2)),
        cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=2)))
    with pytest.raises(RuntimeError, match='^CUDA out of memory$'):
        model(dict(video=torch.zeros(2, 2)), mode='tensor')
