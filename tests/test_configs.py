"""Every method on every dataset reads, names only what exists, and builds; the recipes of the metafile train a step."""

import json
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mmda_ext.apis.compose import load_recipe
from mmda_ext.apis.config_edits import batch_warning
from mmda_ext.apis.recipe_files import datasets, methods
from mmda_ext.engine.seen_domains import seen_test_domains
from mmda_ext.registry import BALANCERS, DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS
from tests.conftest import ROOT
from tests.recipes import each_file_read_once, recipe
from tests.test_engine.feature_run import write_features
from tests.tiny import sample_of

CONFIGS = ROOT / 'configs'
#: What a method needs of the target: its own list, so that a method which changes sides is seen.
ADAPTING = {
    'a3d2', 'amanda', 'boomda', 'boomda-arrowhead', 'boomda-exact', 'boomda-frank-wolfe', 'boomda-paper-lr',
    'boomda-sister', 'ca', 'cdan', 'cdan-balanced', 'cdan-e', 'dada2020', 'dada2024', 'daln', 'dan', 'dann', 'ddc',
    'deep-coral', 'jan', 'jdda', 'mada', 'mdan', 'moosa-open-adaptation', 'pcl', 'pl', 'uniform'}
#: Rules for any losses take those of either side.
EITHER = {'aligned-mtl', 'cagrad', 'dwa', 'famo', 'gradnorm', 'imtl-g', 'nash-mtl', 'uncertainty-weighting', 'upgrad'}
#: Datasets with an unlabelled target; any feature file is one too.
WITH_TARGET = {'avdigits-adaptation', 'demo-adaptation', 'epic-open-adaptation', 'hydraulic-adaptation', 'iemocap',
               'iemocap-fixture', 'msp-improv', 'msp-improv-fixture', 'ravdess-adaptation', 'watch-adaptation'}


@pytest.fixture(autouse=True)
def mmaction_scope():
    before = DefaultScope.get_current_instance()
    init_default_scope('mmaction')
    yield
    if before is None:
        DefaultScope._instance_dict.clear()


@pytest.fixture(scope='module')
def read_once():
    with each_file_read_once():
        yield


@pytest.fixture(scope='module')
def own_file(tmp_path_factory):
    return str(write_features(tmp_path_factory.mktemp('own') / 'mine.npz'))


def test_methods_are_told_apart():
    assert sorted(path.stem for path in (CONFIGS / 'methods').glob('*.py')) == methods()
    adapting, others = set(methods(reads_target=True)), set(methods(reads_target=False))
    assert adapting >= ADAPTING | EITHER | {'dt'}
    assert others >= EITHER | {'erm', 'base', 'gmp', 'simmmdg', 'gmp-sum'}
    assert not others & (ADAPTING | {'dt'})
    assert adapting | others == set(methods())
    assert set(datasets()) >= WITH_TARGET
    assert not {'features', 'features-adaptation'} & set(datasets())


@pytest.mark.parametrize('dataset', [*datasets(), 'mine.npz'])
def test_every_method_on_every_dataset(dataset, read_once, own_file):
    """All are read, checked and built; the dataset's own networks once, of the others no more than the width."""
    seen, either = {}, {'dt', *methods(reads_target=False)}
    for method in methods():
        if method not in either and dataset not in {*WITH_TARGET, 'mine.npz'}:
            continue
        cfg = recipe(method, own_file if dataset == 'mine.npz' else dataset)
        check(cfg)
        parts = [*(cfg[key] for key in ('model', 'optim_wrapper', 'custom_hooks')), cfg.default_hooks.get('average')]
        state = json.dumps(parts, sort_keys=True, default=dict)
        # Only encoders of transformers learn more slowly than the rest.
        assert state not in seen or (method, seen[state]) == ('boomda-paper-lr', 'boomda'), f'{method} is {seen[state]}'
        seen[state] = method
        if method not in ('erm', 'boomda-sister'):
            take_no_networks(cfg)
        with torch.device('meta'), refusal(method, dataset):
            build(cfg)


def refusal(method, dataset):
    """What is said of the pairs that cannot be: features of different widths have no transport."""
    if method == 'a3d2' and dataset in ('demo-adaptation', 'epic-open-adaptation'):
        return pytest.raises(ValueError, match='all modalities need one width')
    return nullcontext()


def take_no_networks(cfg):
    """Encoders of one layer in the place of the dataset's own, whose building takes the time."""
    widths = cfg.model.fusion.in_channels
    cfg.model.backbones = {name: dict(type='mmda_ext.MLPBackbone', in_channels=1, hidden_channels=(width, ))
                           for name, width in widths.items()}
    for part in ('necks', 'freeze', 'pretrained'):
        cfg.model.pop(part)


@pytest.mark.parametrize('dataset', ['epic', 'demo-source'])
def test_a_method_that_adapts_names_the_data_that_it_can_have(dataset, read_once):
    known = ', '.join(sorted(WITH_TARGET))
    with pytest.raises(ValueError, match=f'dann.py adapts to unlabelled samples of the target.*name one of {known}'):
        recipe('dann', dataset)


def check(cfg):
    assert cfg.default_scope == 'mmaction'
    assert 'seed' in cfg.randomness
    assert batch_warning(cfg, processes=1) is None, 'the rate was chosen for another batch'
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert seen_test_domains(cfg) == ()
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type)
        assert 'batch_sampler' not in loader or DATA_SAMPLERS.get(loader.batch_sampler.type)
        for part in parts_of(loader):
            assert DATASETS.get(part.type)
            assert tuple(part.modalities) == tuple(cfg.model.backbones) == tuple(cfg.recipe.modalities)
    # None keeps the last weights.
    selected_by = cfg.default_hooks.checkpoint.save_best
    assert selected_by in (None, 'acc/top1')
    assert OPTIM_WRAPPERS.get(cfg.optim_wrapper.type)
    assert all(HOOKS.get(hook.type) for hook in cfg.custom_hooks)
    training, target = parts_of(cfg.train_dataloader), tuple(cfg.test_dataloader.dataset.domains)
    sources = tuple(cfg.recipe.sources)
    assert target == tuple(cfg.recipe.target)
    for part in training:
        assert tuple(part.source_domains) == sources
        others = set(part.domains) - set(sources)
        assert not others or part.get('unlabeled_target'), 'labels of a domain that is no source enter training'
        assert others <= set(target)
    assert {name for part in training for name in part.domains} >= set(sources)
    assert not set(sources) & set(target), 'the tested domain is among the sources'
    assert tuple(cfg.val_dataloader.dataset.domains) == sources, 'selection must not see the target'
    for objective in cfg.model.get('objectives', ()):
        domains = objective.get('num_domains', objective.get('head', {}).get('num_domains', len(sources)))
        assert domains == len(sources)
    json.dumps(cfg.to_dict(), default=tuple)  # plain values only: a dumped config is whole


def build(cfg):
    model = MODELS.build(cfg.model)
    assert tuple(model.modalities) == tuple(model.cls_head.fusion.modalities)
    if 'trainable' in cfg.model:  # a second stage, of something else
        assert any(parameter.requires_grad for parameter in model.parameters())
    else:
        assert all(model.encoder_parameters().values()), 'nothing of an encoder trains'
    if 'balancer' in cfg.optim_wrapper:
        if cfg.optim_wrapper.balancer.type == 'mmda_ext.TorchJDWeighting':
            pytest.importorskip('torchjd')
        BALANCERS.build({'_scope_': 'mmda_ext', **cfg.optim_wrapper.balancer})


@pytest.mark.parametrize('dataset', datasets())
def test_every_subset_of_modalities_has_a_pipeline(dataset, read_once):
    names = list(Config.fromfile(CONFIGS / 'datasets' / f'{dataset}.py').networks)
    subsets = [[name for index, name in enumerate(names) if number >> index & 1] for number in range(1, 2**len(names))]
    for subset in subsets:
        cfg = recipe('erm', dataset, modalities=subset)
        check(cfg)
        with torch.device('meta'):
            build(cfg)
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            for part in parts_of(loader):
                built = [TRANSFORMS.build(transform) for transform in part.pipeline]
                assert list(built[-1].modalities or subset) == subset
        for metric in evaluators_of(cfg.val_evaluator) + evaluators_of(cfg.test_evaluator):
            assert METRICS.get(metric.type)
        assert cfg.default_hooks.checkpoint.save_best in {
            key for metric in evaluators_of(cfg.val_evaluator) for key in metrics_of(metric)}


def test_base_names_are_unique():
    """MIM finds a recipe by its base name."""
    counts = Counter(path.name for path in CONFIGS.rglob('*.py'))
    assert not [name for name, count in counts.items() if count > 1]


def test_no_file_repeats_another():
    """A recipe is written once: no two methods or datasets have the same text."""
    texts = Counter(path.read_text() for path in CONFIGS.rglob('*.py'))
    assert max(texts.values()) == 1
    assert len(texts) < 200


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


def test_trained_stages_have_the_published_size():
    """Convolution weights: slow 21.10 M, fast 0.32 M, audio 8.39 M; features 2304 and 512 wide."""
    with torch.device('meta'):
        model = MODELS.build(load_recipe(CONFIGS / 'gmp_slowfast_epic.py').model)
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
FLOW = ['video', 'audio', 'flow']
X3D = str(CONFIGS / 'compose' / 'demo-x3d.py')


@pytest.mark.parametrize(('path', 'flags', 'changes'), [
    ('compose/gmp_slowfast-mmaction_hac_to-human.py', {}, {
        **SMALL, 'model.backbones.video.resample_rate': 4, 'model.backbones.video.speed_ratio': 4}),
    ('methods/gmp.py', dict(dataset=X3D), {}),
    ('gmp_slowfast_hac.py', {}, SMALL),
    ('gmp_local_slowfast_hac.py', {}, SMALL),
    ('gmp_slowfast_hac.py', dict(modalities=FLOW), SMALL_FLOW),
    ('methods/cmrf-gmp.py', dict(dataset='hac'), SMALL),
    ('methods/moosa-gmp.py', dict(dataset='epic', modalities=FLOW), SMALL_FLOW),
], ids=lambda value: value if isinstance(value, str) else '')
def test_recipe_trains_a_step(path, flags, changes):
    cfg = load_recipe(CONFIGS / path, **flags)
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
    text = Path(X3D).read_text()
    body = text.split('video=dict(\n')[1].strip().rstrip(')').strip()
    assert len(body.splitlines()) == 2


def test_configs_are_short():
    limits = {'methods': 30, 'datasets': 100}
    for folder, limit in limits.items():
        for path in (CONFIGS / folder).glob('*.py'):
            lines = [line for line in path.read_text().splitlines() if line.strip()]
            assert len(lines) < limit, f'{path.name} has {len(lines)} lines'
    for path in CONFIGS.rglob('*.py'):
        assert all(len(line) <= 120 for line in path.read_text().splitlines()), path.name
