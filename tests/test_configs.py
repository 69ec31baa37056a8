"""Every recipe parses, names only what exists, and builds; base names are unique; composition trains a step."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mmda_ext.apis.config_edits import batch_warning
from mmda_ext.engine.seen_domains import seen_test_domains
from mmda_ext.registry import BALANCERS, DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS
from tests.conftest import ROOT
from tests.tiny import sample_of

CONFIGS = ROOT / 'configs'
RECIPES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)


@pytest.fixture(autouse=True)
def mmaction_scope():
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    yield
    if before is None:
        DefaultScope._instance_dict.clear()


def load(path):
    return Config.fromfile(path)


def name_of(path):
    return str(path.relative_to(CONFIGS))


def test_recipes_exist_for_every_target():
    names = {name_of(path) for path in RECIPES}
    for method in ('erm', 'base', 'gmp', 'gmp-local'):
        for data, targets in (('epic', ('d1', 'd2', 'd3')), ('hac', ('human', 'animal', 'cartoon'))):
            assert {f'{data}/{method}_slowfast_{data}_to-{target}.py' for target in targets} <= names
    assert {'gmp_slowfast_epic.py', 'gmp_slowfast_hac.py'} <= names


def test_base_names_are_unique():
    """MIM finds a recipe by its base name."""
    counts = Counter(path.name for path in CONFIGS.rglob('*.py'))
    assert not [name for name, count in counts.items() if count > 1]


@pytest.mark.parametrize('path', RECIPES, ids=name_of)
def test_recipe_names_only_what_exists(path):
    cfg = load(path)
    assert cfg.default_scope == 'mmaction'
    assert 'seed' in cfg.randomness
    assert batch_warning(cfg, processes=1) is None, 'the rate was chosen for another batch'
    assert cfg.auto_scale_lr.base_batch_size > 0
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type)
        if 'batch_sampler' in loader:
            assert DATA_SAMPLERS.get(loader.batch_sampler.type)
        for part in parts_of(loader):
            assert DATASETS.get(part.type)
            assert set(part.get('modalities', cfg.model.backbones)) == set(cfg.model.backbones)
            for transform in part.pipeline:
                TRANSFORMS.build(transform)
    for evaluators in (cfg.val_evaluator, cfg.test_evaluator):
        assert evaluators_of(evaluators)
        for metric in evaluators_of(evaluators):
            assert METRICS.get(metric.type)
    selected_by = cfg.default_hooks.checkpoint.save_best
    # None keeps the last weights; 'auto' leaves the choice to MMEngine's own hook.
    assert selected_by in (None, 'auto') or any(
        selected_by in metrics_of(metric) for metric in evaluators_of(cfg.val_evaluator)), selected_by
    assert seen_test_domains(cfg) == ()
    assert OPTIM_WRAPPERS.get(cfg.optim_wrapper.type)
    for hook in cfg.get('custom_hooks', ()):
        assert HOOKS.get(hook.type)
    if 'balancer' in cfg.optim_wrapper:
        if cfg.optim_wrapper.balancer.type == 'mmda_ext.TorchJDWeighting':
            pytest.importorskip('torchjd')
        BALANCERS.build({'_scope_': 'mmda_ext', **cfg.optim_wrapper.balancer})
    training, target = parts_of(cfg.train_dataloader), cfg.test_dataloader.dataset.domains
    sources = training[0].source_domains
    for part in training:
        assert tuple(part.source_domains) == tuple(sources)
        others = set(part.domains) - set(sources)
        assert not others or part.get('unlabeled_target'), 'labels of a domain that is no source enter training'
        assert others <= set(target)
        assert others or len(training) > 1 or tuple(part.domains) == tuple(sources)
    assert {name for part in training for name in part.domains} >= set(sources)
    assert not set(sources) & set(target), 'the tested domain is among the sources'
    assert tuple(cfg.val_dataloader.dataset.domains) == tuple(sources), 'selection must not see the target'
    for objective in cfg.model.get('objectives', ()):
        domains = objective.get('num_domains', objective.get('head', {}).get('num_domains', len(sources)))
        assert domains == len(sources)


def evaluators_of(evaluators):
    """Configs of one evaluator or of a list."""
    return evaluators if isinstance(evaluators, list) else [evaluators]


def metrics_of(metric):
    """Keys that a metric returns for one validated source sample."""
    built = METRICS.build(metric)
    sample = sample_of(0, 0)
    sample.set_pred_score(torch.tensor([1., 0.]))
    built.process(None, [sample.to_dict()])
    return built.compute_metrics(built.results)


def parts_of(loader):
    """Configs of the data sets of a loader, those inside a concatenation one by one."""
    return loader.dataset.get('datasets') or [loader.dataset]


def models():
    """One recipe for each different model."""
    seen = {}
    for path in RECIPES:
        seen.setdefault(json.dumps(load(path).model.to_dict(), sort_keys=True, default=str), path)
    return list(seen.values())


@pytest.mark.parametrize('path', models(), ids=name_of)
def test_model_builds(path):
    cfg = load(path).model
    with torch.device('meta'):
        model = MODELS.build(cfg)
    assert tuple(model.modalities) == tuple(model.cls_head.fusion.modalities)
    if 'trainable' in cfg:  # a second stage, of something else
        assert any(parameter.requires_grad for parameter in model.parameters())
    else:
        assert all(model.encoder_parameters().values()), 'nothing of an encoder trains'


def test_trained_stages_have_the_published_size():
    """Convolution weights: slow 21.10 M, fast 0.32 M, audio 8.39 M; features 2304 and 512 wide."""
    with torch.device('meta'):
        model = MODELS.build(load(CONFIGS / 'gmp_slowfast_epic.py').model)
    sizes = Counter()
    for name, parameter in model.backbones.named_parameters():
        if parameter.requires_grad and parameter.dim() >= 4:
            sizes[name.split('.')[1] if name.startswith('video') else 'audio'] += parameter.numel()
    assert sizes['slow_path'] == pytest.approx(21.10e6, rel=5e-3)
    assert sizes['fast_path'] == pytest.approx(0.32e6, rel=5e-2)
    assert sizes['audio'] == pytest.approx(8.39e6, rel=5e-3)
    lateral = [n for n, p in model.named_parameters() if 'lateral' in n and p.requires_grad]
    assert not lateral, 'lateral convolutions belong to the frozen part'


def tiny_batch(modalities, frames=8, size=32, seconds=40, classes=5):
    samples = [sample_of(index % classes, index % 2) for index in range(2)]
    channels = dict(video=3, flow=2)
    inputs = {
        name: [torch.randint(0, 255, (1, channels[name], frames, size, size), dtype=torch.uint8) for _ in samples]
        for name in modalities if name in channels
    }
    return dict(inputs=dict(inputs, audio=[torch.randn(1, 257, seconds) for _ in samples]), data_samples=samples)


#: Shrinks the networks of the protocol; the structure stays.
SMALL = {
    'model.backbones.video.slow_pathway.depth': 18, 'model.backbones.video.fast_pathway.depth': 18,
    'model.backbones.video.slow_pathway.base_channels': 16, 'model.backbones.video.fast_pathway.base_channels': 2,
    'model.backbones.audio.base_channels': 4, 'model.backbones.audio.checkpoint': None, 'model.pretrained': None,
    'model.fusion.in_channels': dict(video=128 + 16, audio=32)}
SMALL_FLOW = {
    **SMALL, 'model.backbones.flow.depth': 18, 'model.backbones.flow.base_channels': 8,
    'model.fusion.in_channels': dict(video=128 + 16, audio=32, flow=64)}


@pytest.mark.parametrize(('recipe', 'changes'), [
    ('compose/gmp_slowfast-mmaction_hac_to-human.py', {
        **SMALL, 'model.backbones.video.resample_rate': 4, 'model.backbones.video.speed_ratio': 4}),
    ('compose/gmp_x3d_demo_to-human.py', {}),
    ('hac/gmp_slowfast_hac_to-human.py', SMALL),
    ('hac/gmp-local_slowfast_hac_to-human.py', SMALL),
    ('hac/gmp_slowfast_hac-flow_to-human.py', SMALL_FLOW),
    ('hac/cmrf-gmp_slowfast_hac_to-human.py', SMALL),
    ('epic/moosa-gmp_slowfast_epic-flow_to-d1.py', SMALL_FLOW),
])
def test_recipe_trains_a_step(recipe, changes):
    cfg = load(CONFIGS / recipe)
    cfg.merge_from_dict(changes)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    wrapper = OPTIM_WRAPPERS.build({**cfg.optim_wrapper, 'optimizer': optimizer})
    before = {name: value.clone() for name, value in model.named_parameters()}
    losses = model.train_step(tiny_batch(model.modalities), wrapper)
    assert torch.isfinite(losses['loss'])
    for name, own in model.named_parameters():
        assert own.requires_grad or torch.equal(own, before[name]), f'{name} is frozen but moved'
    moved = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    for modality in model.modalities:
        assert any(name.startswith(f'backbones.{modality}') for name in moved)


def test_two_lines_swap_a_backbone():
    text = (CONFIGS / 'compose' / 'gmp_x3d_demo_to-human.py').read_text()
    body = text.split('model = dict(\n')[1].strip().rstrip(')').strip()
    assert len(body.splitlines()) == 2


def test_recipes_are_short():
    for path in RECIPES:
        lines = [line for line in Path(path).read_text().splitlines() if line.strip()]
        assert len(lines) < 60, f'{name_of(path)} has {len(lines)} lines'
