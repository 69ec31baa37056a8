"""Recipes on IEMOCAP and MSP-IMPROV: rows, presets, modalities; a step of each pair of modalities at a small size."""

import socket

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from mmda_ext import compat
from mmda_ext.apis.compose import load_recipe
from mmda_ext.models.backbones.pretrained_sequence import Projection
from mmda_ext.registry import MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT
from tests.recipes import recipe as shipped
from tests.tiny import parameters_of, sample_of

pytest.importorskip('transformers')

CONFIGS = ROOT / 'configs'
CORPORA = {'iemocap': 'iemocap', 'msp-improv': 'mspimprov'}
COMBINATIONS = {'avl': ('speech', 'face', 'text'), 'al': ('speech', 'text'), 'av': ('speech', 'face'),
                'vl': ('face', 'text')}
ROWS = {'dt': (), 'ca': ('CorrelationAlignment', ), 'pl': ('VotingPseudoLabel', ),
        **dict.fromkeys(('uniform', 'boomda', 'boomda-exact', 'boomda-arrowhead', 'boomda-frank-wolfe'),
                        ('VotingPseudoLabel', 'CorrelationAlignment'))}
SOLVERS = {'ca': 'closed_form', 'uniform': 'uniform', 'boomda': 'closed_form', 'boomda-exact': 'exact',
           'boomda-arrowhead': 'arrowhead', 'boomda-frank-wolfe': 'frank_wolfe'}


def recipe(method, corpus='iemocap', modalities=None):
    init_default_scope('mmaction')
    return shipped(method, corpus, modalities=modalities)


@pytest.mark.parametrize('row', ROWS)
def test_rows(row):
    """Boomda, comparison and ablation: direct transfer is the source's losses, the rest adds to it."""
    for modalities in COMBINATIONS.values():
        cfg = recipe(row, modalities=modalities)
        kinds = [objective.type for objective in cfg.model.objectives]
        assert kinds == [f'mmda_ext.{name}' for name in ('InformationBottleneck', *ROWS[row])]
        balanced = cfg.optim_wrapper.type == 'mmda_ext.BalancedOptimWrapper'
        assert balanced == (row in SOLVERS)
        assert not balanced or cfg.optim_wrapper.balancer.solver == SOLVERS[row]
        parts = [cfg[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test')]
        for names in (*(part.modalities for part in parts), cfg.model.backbones, cfg.model.fusion.in_channels,
                      cfg.model.data_preprocessor.preprocessors):
            assert tuple(names) == modalities
        assert [tuple(part.domains) for part in parts] == [('source', 'target'), ('source', ), ('target', )]
        assert parts[0].unlabeled_target
        assert cfg.train_dataloader.batch_sampler == dict(
            type='mmda_ext.SourceTargetBatchSampler', n_source=48, n_target=48)


def test_both_corpora_differ_in_their_data_alone():
    own, other = (recipe('boomda', corpus).to_dict() for corpus in CORPORA)
    assert own['train_dataloader']['dataset'].pop('type') == 'mmda_ext.IEMOCAPDataset'
    assert other['train_dataloader']['dataset'].pop('type') == 'mmda_ext.MSPImprovDataset'
    assert other['train_dataloader']['dataset'].pop('data_root') == 'data/msp-improv/'
    assert own['train_dataloader']['dataset'].pop('data_root') == 'data/iemocap/'
    for key in ('model', 'optim_wrapper', 'train_dataloader', 'param_scheduler', 'train_cfg'):
        assert own[key] == other[key]


@pytest.mark.parametrize(('corpus', 'name'), CORPORA.items())
def test_paper_preset(corpus, name):
    """As printed in Boomda: factor 1, features as they are, the constants as printed."""
    cfg = load_recipe(CONFIGS / f'boomda_{name}.py')
    own = recipe('boomda', corpus)
    assert {**cfg, 'recipe': None} == {**own, 'recipe': None}
    assert {**cfg.recipe, 'run': f'boomda_{corpus}_to-target'} == own.recipe
    bottleneck, voting, alignment = cfg.model.objectives
    assert (bottleneck.beta, voting.loss_weight, voting.min_votes) == (5e-4, .5, 3)
    assert (alignment.alpha2, alignment.normalize) == (.1, 'none')
    assert (cfg.optim_wrapper.optimizer.type, cfg.optim_wrapper.optimizer.lr) == ('Adam', 1e-3)
    model = built(cfg)
    assert [part.l2 for part in model.modules() if isinstance(part, Projection)] == [False] * 3


@pytest.mark.parametrize('corpus', CORPORA)
def test_sister_preset(corpus):
    """The same authors' other code: factor 1 / (4 d^2), unit rows, mixed precision, the last checkpoint."""
    cfg = recipe('boomda-sister', corpus)
    assert cfg.model.objectives[2].normalize == 'deep_coral'
    assert cfg.model.objectives[:2] == recipe('boomda', corpus).model.objectives[:2]
    model = built(cfg)
    assert [part.l2 for part in model.modules() if isinstance(part, Projection)] == [True] * 3
    assert 'Amp' in cfg.optim_wrapper.type
    assert cfg.default_hooks.checkpoint.save_best is None


def built(cfg):
    with torch.device('meta'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize(('name', 'rate'), [('boomda', 5e-5), ('boomda-paper-lr', 1e-3)])
def test_learning_rates(name, rate):
    """Rate of the pre-trained blocks; weight decay of the heads only."""
    cfg = recipe(name)
    model = tiny(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    rates = {id(parameter): (group['lr'], group['weight_decay']) for group in groups for parameter in group['params']}
    for part, expected in (('.encoder.model.', (rate, 0)), ('.sequence.', (1e-3, 0)), ('.projection.', (1e-3, 0)),
                           ('cls_head.', (1e-3, 1e-4)), ('modality_heads.', (1e-3, 1e-4))):
        found = [rates[id(value)] for key, value in model.named_parameters() if part in key and value.requires_grad]
        assert found, part
        assert all(own == pytest.approx(expected) for own in found), part


def test_schedule():
    """Four epochs at a constant rate, four in which it falls to 0."""
    cfg = recipe('boomda')
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    options, = cfg.param_scheduler
    scheduler = PARAM_SCHEDULERS.build(options, default_args=dict(optimizer=optimizer, epoch_length=10))
    rates = []
    for _ in range(80):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert cfg.train_cfg.max_epochs == 8
    assert rates[:41] == pytest.approx([1e-3] * 41)
    assert rates[60] == pytest.approx(1e-3 * 19 / 39)
    assert rates[79] == pytest.approx(0, abs=1e-12)


def tiny(cfg):
    """The recipe's model with the encoders of the fixture; projections, heads and objectives stay."""
    small = recipe('erm', 'iemocap-fixture').model.backbones
    for name, backbone in cfg.model.backbones.items():
        backbone.encoder = small[name].encoder
    torch.manual_seed(0)
    return MODELS.build(cfg.model)


def batch_of(modalities, n_source=3, n_target=3):
    generator = torch.Generator().manual_seed(0)
    samples = [sample_of(index % 4, 0) for index in range(n_source + n_target)]
    for index, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_id=f'utterance{index}', is_target=index >= n_source))
        if index >= n_source:
            del sample.gt_label
    draw = dict(speech=lambda n: torch.randn(2000 + 500 * n, generator=generator),
                face=lambda n: torch.rand(4, 3, 32, 32, generator=generator),
                text=lambda n: torch.randint(1, 1000, (3 + n, ), generator=generator))
    return dict(inputs={name: [draw[name](n) for n in range(len(samples))] for name in modalities},
                data_samples=samples)


def train_step(cfg, batch):
    model = tiny(cfg).train()
    wrapper = OPTIM_WRAPPERS.build({
        **{key: value for key, value in cfg.optim_wrapper.items() if key != 'paramwise_cfg'},
        'optimizer': torch.optim.Adam(model.parameters(), lr=1e-3)})
    before = parameters_of(model)
    return model, before, model.train_step(batch, wrapper)


@pytest.mark.parametrize('modalities', COMBINATIONS.values(), ids=COMBINATIONS)
def test_every_combination_trains_a_step(modalities):
    model, before, losses = train_step(recipe('boomda', modalities=modalities), batch_of(modalities))
    assert model.modalities == modalities
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in losses.values())
    assert {key for key in losses if 'align/' in key} == {f'loss_align/{name}' for name in (*modalities, 'fused')}
    moved = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    for name in modalities:
        assert any(key.startswith(f'backbones.{name}.encoder.model') for key in moved)


def test_mixed_precision_of_the_sister_preset():
    """On a CPU too; features and alignment stay finite with unit rows."""
    compat.allow_cpu_amp()
    model, before, losses = train_step(recipe('boomda-sister'), batch_of(COMBINATIONS['avl']))
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in losses.values())
    assert 0 < losses['loss_align/fused'] < 1e-5, 'the scale trap: next to nothing'
    assert any(not torch.equal(value, before[name]) for name, value in model.named_parameters())


# Bad input: what a batch may hold without stopping the run.


def spoil_face(batch):
    batch['inputs']['face'] = [torch.zeros(4, 3, 32, 32) for _ in batch['inputs']['face']]


def spoil_speech(batch):
    batch['inputs']['speech'] = [torch.zeros(2000) for _ in batch['inputs']['speech']]


def spoil_lengths(batch):
    """Three samples of sound, below the receptive field of one state, and a text of no token."""
    batch['inputs']['speech'][0] = torch.randn(3)
    batch['inputs']['text'][1] = batch['inputs']['text'][1][:0]


@pytest.mark.parametrize('spoil', [spoil_face, spoil_speech, spoil_lengths])
@pytest.mark.parametrize('row', ['boomda', 'boomda-exact'])
def test_dull_input_is_finite(row, spoil):
    batch = batch_of(COMBINATIONS['avl'])
    spoil(batch)
    model, _, losses = train_step(recipe(row), batch)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in losses.values())
    assert all(torch.isfinite(value).all() for value in model.parameters())


def test_a_target_of_one_is_not_aligned_and_the_rest_trains():
    """The covariance of one sample is undefined; the losses are 0 and the step is counted."""
    model, before, losses = train_step(recipe('boomda'), batch_of(COMBINATIONS['avl'], n_target=1))
    assert losses['align_skipped'] == 1
    assert all(losses[f'loss_align/{name}'] == 0 for name in (*COMBINATIONS['avl'], 'fused'))
    assert all(torch.isfinite(value).all() for value in model.parameters())
    assert any(not torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_a_modality_that_one_sample_lacks_is_named():
    batch = batch_of(COMBINATIONS['avl'])
    batch['inputs'] = [{name: values[index] for name, values in batch['inputs'].items()} for index in range(6)]
    del batch['inputs'][2]['face']
    with pytest.raises(ValueError, match="modality 'face' is missing in sample utterance2"):
        train_step(recipe('boomda'), batch)


def encoder_options(cfg, name):
    """Weights from where the recipe has them, for the small architecture."""
    small = recipe('erm', 'iemocap-fixture').model.backbones[name].encoder
    return {**small, 'pretrained': cfg.model.backbones[name].encoder.pretrained}


def test_encoders_that_are_not_on_disk_are_named_and_no_network_is_asked(tmp_path, monkeypatch):
    asked = []

    def refuse(*args, **kwargs):
        asked.append(args)
        raise OSError('no network here')

    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    monkeypatch.setattr(socket.socket, 'connect', refuse)
    monkeypatch.chdir(tmp_path)
    cfg = recipe('boomda')
    for name, folder in (('speech', 'wavlm-base-plus'), ('face', 'vit-base-patch16-224-in21k'),
                         ('text', 'bert-base-uncased')):
        encoder = MODELS.build(encoder_options(cfg, name))
        with pytest.raises(FileNotFoundError, match=f'no folder {tmp_path}/checkpoints/{folder} with config.json and '
                                                    'model.safetensors.*docs/encoders.md'):
            encoder.init_weights()
        # A folder that is there asks nobody either.
        MODELS.build({**encoder_options(cfg, name), 'pretrained': None}).model.save_pretrained(
            tmp_path / 'checkpoints' / folder)
        encoder.init_weights()
    assert not asked
