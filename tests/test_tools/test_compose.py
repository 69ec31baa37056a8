"""Flags that choose data: what they make of a method, what they refuse, and what they leave behind."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmda_ext import compat
from mmda_ext.apis import recipe_files
from mmda_ext.apis.cli import run_training, train_parser
from mmda_ext.apis.compose import INGREDIENTS, choice_of, load_recipe
from mmda_ext.apis.config_edits import load_config, set_work_dir
from mmda_ext.apis.recipe_files import VARIABLES, chain, configs_folder, datasets, load_with, method_file
from tests.conftest import ROOT
from tests.recipes import METHODS, recipe, recipe_file
from tests.test_engine.feature_run import write_features

NAMED = ROOT / 'configs' / 'gmp_slowfast_epic.py'


def data_of(cfg):
    """Domains of training, validation and test, modalities of the model, and what the discriminator tells apart."""
    loaders = (cfg[f'{part}_dataloader'].dataset.domains for part in ('train', 'val', 'test'))
    return (*map(tuple, loaders), tuple(cfg.model.backbones), cfg.model.objectives[0].head.num_domains)


def test_flags_reach_data_networks_and_heads():
    cfg = recipe('gmp', 'epic', target=['D2'], modalities=['flow', 'video', 'audio'])
    assert data_of(cfg) == (('D1', 'D3'), ('D1', 'D3'), ('D2', ), ('video', 'audio', 'flow'), 2)
    assert cfg.model.fusion.in_channels == dict(video=2304, audio=512, flow=2048)
    assert set(cfg.model['freeze']) == {'video', 'audio', 'flow'}
    assert list(cfg.train_pipeline[0].clips) == ['video', 'flow']
    assert cfg.recipe == dict(run='gmp_epic_to-D2_video-audio-flow', method='gmp', dataset='epic', target=['D2'],
                              sources=['D1', 'D3'], modalities=['video', 'audio', 'flow'])
    assert not {*INGREDIENTS, '_used'} & set(cfg)


def test_one_source_leaves_nothing_to_tell_apart():
    cfg = recipe('gmp', 'hac', target=['human'], sources=['cartoon'])
    assert data_of(cfg) == (('cartoon', ), ('cartoon', ), ('human', ), ('video', 'audio'), 1)
    assert cfg.recipe.run == 'gmp_hac_to-human_from-cartoon'


def test_groups_of_domains_have_names():
    cfg = recipe('mdan', 'ravdess-adaptation', sources=['actors13-24'], target=['actors07-12', 'actors01-06'])
    labelled, unlabelled = cfg.train_dataloader.dataset.datasets
    assert labelled.domains == ('actors13-18', 'actors19-24') == labelled.source_domains
    assert (unlabelled.domains, unlabelled.unlabeled_target) == (('actors07-12', 'actors01-06'), True)
    assert cfg.recipe.run == 'mdan_ravdess-adaptation_to-actors07-12+actors01-06_from-actors13-24'
    assert recipe('mdan', 'ravdess-adaptation').recipe.run == 'mdan_ravdess-adaptation_to-actors13-24'


def test_strengths_belong_to_the_dataset():
    """Numbers found by search on source validation (docs/results), and the usual ones elsewhere."""
    reversal = {(method, data): recipe(method, data).model.objectives[0].head.reversal
                for method in ('base', 'gmp') for data in ('epic', 'ravdess', 'avdigits', 'demo')}
    assert reversal == {('base', 'epic'): .5, ('gmp', 'epic'): .5, ('base', 'ravdess'): .1, ('gmp', 'ravdess'): .3,
                        ('base', 'avdigits'): .1, ('gmp', 'avdigits'): .1, ('base', 'demo'): .1, ('gmp', 'demo'): .1}
    assert recipe('dann', 'ravdess-adaptation').model.objectives[1].loss_weight == .3
    assert recipe('dann', 'iemocap').model.objectives[1].loss_weight == 1
    alpha = [recipe(method, 'ravdess-adaptation').model.objectives[-1].alpha2 for method in ('boomda', 'ca', 'uniform')]
    assert alpha == ['auto', 'auto', .01]
    assert recipe('uniform', 'iemocap').model.objectives[-1].alpha2 == .1
    assert recipe('ogm', 'epic').optim_wrapper.balancer.min_rank == 4
    assert recipe('ogm-ge', 'ravdess').optim_wrapper.balancer.min_rank == 2
    assert recipe('jdda', 'msp-improv').model.objectives[2].loss_weight == pytest.approx(.03 / 48**2)
    assert recipe('cggm', 'hac').optim_wrapper.paramwise_cfg.custom_keys.auxiliary.lr_mult == pytest.approx(5)
    margin = [recipe('simmmdg-gmp', data).model.objectives[-1].margin for data in ('epic', 'ravdess')]
    assert margin == [None, 1.0]
    assert [recipe('cmrf', data).model.objectives[-1].start for data in ('epic', 'hac')] == [400, 100]
    parts = [recipe('moosa', 'epic', modalities=names).model.objectives[2].num_parts
             for names in (['video', 'audio'], ['video', 'audio', 'flow'])]
    assert parts == [4, 2]


def test_heads_that_serve_training_alone_are_as_wide_as_the_features():
    """On features; on video they have the widths of the releases."""
    for method in ('simmmdg', 'simmmdg-gmp', 'simmmdg-gmp-aligned', 'simmmdg-translators', 'moosa', 'moosa-gmp', 'cmrf',
                   'cmrf-gmp'):
        for data in ('ravdess', 'avdigits', 'watch', 'hydraulic', 'flights', 'penguins'):
            cfg = recipe(method, data)
            wide = [term for term in cfg.model.objectives if term.type.rpartition('.')[2] in (
                'SupervisedContrastive', 'CrossModalTranslation', 'MultimodalJigsaw')]
            assert len(wide) == {'s': 2, 'm': 3, 'c': 1}[method[0]]
            assert {term.hidden_channels for term in wide} == set(cfg.model.fusion.in_channels.values()) == {64}
        assert not any('hidden_channels' in term for term in recipe(method, 'hac').model.objectives)


def test_rules_for_any_losses_take_those_of_the_data():
    on_sources, on_target = recipe('cagrad', 'ravdess'), recipe('cagrad', 'ravdess-adaptation')
    assert on_sources.optim_wrapper.balancer == dict(type='mmda_ext.CAGrad', c=.5, tasks=('cls', 'domain'))
    assert on_target.optim_wrapper.balancer == dict(type='mmda_ext.CAGrad', c=.5, normalize=True)
    assert on_target.model.objectives == recipe('boomda', 'ravdess-adaptation').model.objectives
    assert on_sources.model.objectives == recipe('base', 'ravdess').model.objectives


def test_a_named_recipe_is_its_flags():
    named = load_recipe(NAMED)
    own = recipe('gmp', 'epic', target=['D1'])
    assert {**named, 'recipe': None} == {**own, 'recipe': None}
    assert (named.recipe.run, own.recipe.run) == ('gmp_slowfast_epic', 'gmp_epic_to-D1')
    assert load_recipe(NAMED, target=['D3']).recipe.run == 'gmp_slowfast_epic_to-D3'
    elsewhere = load_recipe(NAMED, dataset='hac')
    assert (elsewhere.recipe.run, elsewhere.recipe.target) == ('gmp_slowfast_epic_hac_to-human', ['human'])
    assert load_recipe(NAMED, modalities=['audio']).recipe.run == 'gmp_slowfast_epic_audio'


def test_a_recipe_of_ones_own_inherits_a_method_and_states_its_data(tmp_path):
    own = recipe_file(tmp_path / 'mine.py', 'gmp', 'train_cfg = dict(max_epochs=3)', 'epic', target=['D2'])
    cfg = load_recipe(own)
    assert (cfg.train_cfg.max_epochs, cfg.recipe.target) == (3, ['D2'])
    assert (cfg.recipe.method, cfg.recipe.run) == ('gmp', 'mine')
    elsewhere = tmp_path / 'other.py'
    elsewhere.write_text("_base_ = ['mmda_ext::gmp_slowfast_epic.py']")
    assert load_recipe(elsewhere, target=['D3']).recipe.target == ['D3']


@pytest.mark.parametrize(('method', 'flags', 'message'), [
    ('gmp', {}, r'gmp.py is a method: name its data with --dataset, one of avdigits, avdigits-adaptation, demo, .*'
                r'ravdess-adaptation, .*or a dataset config \(.py\), a feature file \(.npz\) or a table of files'),
    ('gmp', dict(dataset='epik'), '--dataset epik is unknown: did you mean epic[?] there are avdigits, .*own_data.md'),
    ('gmp', dict(dataset='nowhere.npz'), '--dataset nowhere.npz: there is no such file'),
    ('gmp', dict(dataset='epic', target=['D4']), '--target D4: unknown in --dataset epic, which has D1, D2, D3'),
    ('gmp', dict(dataset='epic', sources=['D1', 'D9']), '--sources D9: unknown in --dataset epic, which has D1, '),
    ('gmp', dict(dataset='ravdess-adaptation', target=['x']), 'which has actors01-12, actors13-24, actors01-06, '),
    ('gmp', dict(dataset='epic', modalities=['smell']), '--modalities smell: --dataset epic has networks for video'),
    ('gmp', dict(dataset='epic-clips', modalities=['flow']), 'has networks for video, audio$'),
    ('gmp', dict(dataset='epic', sources=['D1', 'D2']), 'sources are D1, D2, target is D1; a domain cannot be both'),
    ('gmp', dict(dataset='epic', target=['D1', 'D2', 'D3']), 'sources are none, target is D1, D2, D3; .* must be left'),
    ('gmp', dict(dataset='avdigits-adaptation', target=['mnist']), 'name others with --sources and --target, of mnist'),
])
def test_what_is_unknown_is_refused_with_what_is_known(method, flags, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_recipe(METHODS / f'{method}.py', **flags)


def test_flags_have_no_place_where_a_config_states_its_own_data(tmp_path):
    (tmp_path / 'whole.py').write_text('model = dict()')
    with pytest.raises(ValueError, match='whole.py states its own data, so --dataset, --target cannot change it'):
        load_recipe(tmp_path / 'whole.py', dataset='epic', target=['D1'])
    assert load_recipe(tmp_path / 'whole.py').model == {}


@pytest.mark.parametrize(('text', 'message'), [
    ("_base_ = ['{datasets}/epic.py']\nnetworks = dict(video=dict(channels=None, _delete_=True))",
     'mine.py lacks `networks.video.backbone`'),
    ("domains = ('a', )\nmodalities = ('x', )", 'mine.py lacks `target_domains`, `source_domains`, `num_classes`, '),
    ('domains = nothing', 'mine.py cannot be read: NameError: name .nothing. is not defined'),
])
def test_a_dataset_config_that_lacks_something_is_named(tmp_path, text, message):
    path = tmp_path / 'mine.py'
    path.write_text(text.format(datasets=ROOT / 'configs' / 'datasets'))
    with pytest.raises(ValueError, match=message):
        recipe('erm', str(path))


def test_the_variables_live_as_long_as_the_reading(monkeypatch, caplog):
    """Neither they nor a message about them stay, whatever the shell has set, and also after an error."""
    monkeypatch.setenv(VARIABLES['target'], "('D3', )")
    monkeypatch.delenv(VARIABLES['dataset'], raising=False)
    before = dict(os.environ)
    with caplog.at_level('INFO'):
        assert recipe('erm', 'epic').recipe.target == ['D1'], 'the flags decide, not the shell'
    with pytest.raises(ValueError, match='--target'):
        recipe('erm', 'epic', target=['D5'])
    assert dict(os.environ) == before
    assert 'env variable' not in caplog.text


def test_names_with_quotes_backslashes_and_commas_arrive(tmp_path):
    names = ["Ann's", 'back\\1slash', 'a, b', 'ü {x}']
    label = np.arange(40) % 2
    np.savez(tmp_path / 'odd.npz', x=np.ones((40, 3), np.float32), label=label, classes=np.array(['c', 'd']),
             domain=np.array(names)[np.arange(40) // 2 % 4])
    cfg = recipe('base', str(tmp_path / 'odd.npz'), target=[names[1]], sources=[names[0], names[2]])
    assert cfg.test_dataloader.dataset.domains == (names[1], )
    assert cfg.train_dataloader.dataset.domains == (names[0], names[2])
    assert cfg.recipe.run == 'base_odd_to-back%5C1slash_from-Ann%27s+a%2C%20b'


def test_a_feature_file_serves_methods_of_both_kinds(tmp_path):
    file = str(write_features(tmp_path / 'f.npz'))
    plain = recipe('gmp', file, target=['z'])
    assert data_of(plain) == (('x', 'y'), ('x', 'y'), ('z', ), ('face', 'audio'), 2)
    assert plain.model.cls_head.num_classes == 3
    assert {name: own.in_channels for name, own in plain.model.backbones.items()} == dict(face=6, audio=5)
    adapting = recipe('boomda', file, target=['z'])
    labelled, unlabelled = adapting.train_dataloader.dataset.datasets
    assert (labelled.domains, unlabelled.domains, unlabelled.unlabeled_target) == (('x', 'y'), ('z', ), True)
    assert adapting.recipe.run == 'boomda_f_to-z'
    assert recipe('cagrad', file).optim_wrapper.balancer.tasks == ('cls', 'domain')


def test_the_tools_take_the_flags_and_name_the_folder_after_them():
    args = train_parser().parse_args([str(METHODS / 'gmp.py'), '--dataset', 'epic', '--target', 'D2'])
    cfg = load_config(args.config, {'model.cls_head.num_classes': 9}, choice=choice_of(args))
    set_work_dir(cfg, args)
    assert (cfg.work_dir, cfg.model.cls_head.num_classes) == (os.path.join('work_dirs', 'gmp_epic_to-D2'), 9)
    args.work_dir = 'elsewhere'
    set_work_dir(cfg, args)
    assert cfg.work_dir == 'elsewhere'


def test_a_dumped_config_gives_the_same_run_without_flags(tmp_path, monkeypatch):
    compat.allow_mmengine_checkpoints()
    # Most of a run this small is the layout of the config's text.
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True))
    file = write_features(tmp_path / 'f.npz')
    flags = [str(METHODS / 'gmp.py'), '--dataset', str(file), '--target', 'y', '--modalities', 'audio', 'face']
    run_training([*flags, '--work-dir', str(tmp_path / 'a'), '--cfg-options', 'train_cfg.max_epochs=2'])
    run_training([str(tmp_path / 'a' / 'gmp.py'), '--work-dir', str(tmp_path / 'b')])
    assert list(Config.fromfile(tmp_path / 'a' / 'gmp.py').model.backbones) == ['face', 'audio']
    one, two = (compat.load_from_local(str(tmp_path / run / 'epoch_2.pth')) for run in 'ab')
    assert one['state_dict'].keys() == two['state_dict'].keys()
    assert all(torch.equal(value, two['state_dict'][name]) for name, value in one['state_dict'].items())
    results = [json.loads((tmp_path / run / 'result.json').read_text()) for run in 'ab']
    assert results[0]['test'] == results[1]['test']
    assert 'y/acc/top1' in results[0]['test']


def test_an_installation_without_a_checkout_has_its_own_configs(tmp_path, monkeypatch):
    """Beside the package lie no configs then: those that were installed with it are read."""
    package = tmp_path / 'site' / 'mmda_ext'
    (package / '.mim').mkdir(parents=True)
    (package / '.mim' / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.setattr(recipe_files, '_PACKAGE', package)
    assert recipe_files.configs_folder() == package / '.mim' / 'configs'
    assert 'epic' in datasets()
    monkeypatch.chdir(tmp_path)
    cfg = load_recipe(package / '.mim' / 'configs' / 'methods' / 'gmp.py', dataset='epic')
    assert cfg.recipe.method == 'gmp'


def test_the_chain_of_a_method_ends_at_the_dataset():
    names = [path.name for path in chain(METHODS / 'boomda-exact.py')]
    assert names == ['boomda-exact.py', 'boomda.py', 'adaptation.py', 'dt.py', 'erm.py']
    assert [path.name for path in chain(METHODS / 'cagrad.py')] == ['cagrad.py', 'base.py', 'erm.py']


def test_mmengine_alone_says_which_variable_a_method_needs():
    with pytest.raises(KeyError, match='MMDA_DATASET'):
        Config.fromfile(METHODS / 'erm.py')
    cfg = load_with(METHODS / 'erm.py', dict(dataset=str(ROOT / 'configs' / 'datasets' / 'hac.py')))
    assert cfg.model.cls_head.num_classes == 7


def test_every_dataset_names_domains_that_can_be_left_out():
    for name in datasets():
        cfg = Config.fromfile(Path(recipe_files.dataset_file(name)[0]))
        assert not set(cfg.target_domains) & set(cfg.source_domains), name
        assert {*cfg.target_domains, *cfg.source_domains} <= set(cfg.domains), name


def test_methods_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert method_file('gmp') == str(configs_folder() / 'methods' / 'gmp.py')
    with pytest.raises(ValueError, match='gmq: there is no such method; did you mean .*gmp.*configs/methods has a3d2'):
        method_file('gmq')
    (tmp_path / 'configs' / 'methods').mkdir(parents=True)
    assert method_file('mine') == 'configs/methods/mine.py', 'those of a folder of the same shape come first'
