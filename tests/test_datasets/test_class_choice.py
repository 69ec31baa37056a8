"""Classes that a model does not know, and those of each domain: the settings of MOOSA on the published lists."""

from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config

from mmda_ext.apis.unknown_classes import set_unknown_classes
from mmda_ext.datasets import EpicKitchensDataset, HACDataset
from mmda_ext.datasets.class_choice import ClassChoice
from tests.recipes import recipe
from tests.test_datasets.test_unknown_classes import SOURCES, dataset, file, rows_of  # noqa: F401

KITCHENS, ACTORS = ('D1', 'D2', 'D3'), ('human', 'animal', 'cartoon')
#: Target -> samples that train, that validate, that are tested, and how many of those are unknown.
GENERALIZATION = {'D1': (5811, 1597, 435, 34), 'D2': (4945, 1304, 750, 56), 'D3': (3696, 1095, 974, 71)}
HAC_TRAIN = {'human': 1384, 'animal': 1719, 'cartoon': 1571}
HAC_TEST = {'human': 1387, 'animal': 906, 'cartoon': 1088}
HAC_UNKNOWN_IN_TRAIN = {'human': 158, 'animal': 112, 'cartoon': 104}
#: Target -> training samples of the first and the second source, those that are tested, and how many are unknown.
PARTIAL = {'D1': (1870, 2970, 295, 34), 'D2': (1150, 2970, 521, 56), 'D3': (1150, 1947, 622, 71)}


class Kitchens(EpicKitchensDataset):
    """Takes every file as present."""

    def filter_data(self) -> list:
        return self.data_list


class Actors(HACDataset):
    """Takes every file as present."""

    def filter_data(self) -> list:
        return self.data_list


def built(cfg: Config, real_data: Path, part: str = 'test', index: int | None = None, **changes: object) -> Kitchens:
    """A data set of a recipe on the published lists."""
    config = cfg[f'{part}_dataloader'].dataset
    options = dict(config if index is None else config.datasets[index], **changes)
    kind = Kitchens if 'Epic' in options.pop('type') else Actors
    options['ann_dir'] = str(real_data / ('epic_kitchens_splits' if kind is Kitchens else 'hac_splits'))
    options.pop('pipeline', None)
    return kind(**options)


def prepared(method: str, dataset: str, unknown: str | None = None, **flags: list[str]) -> Config:
    cfg = recipe(method, dataset, **flags)
    if unknown:
        cfg.unknown_classes = [unknown]
    set_unknown_classes(cfg)
    return cfg


@pytest.mark.real_data
@pytest.mark.parametrize('target', KITCHENS)
def test_open_set_generalization_in_kitchens(real_data: Path, target: str) -> None:
    cfg = prepared('erm', 'epic', 'close', target=[target])
    assert cfg.model.cls_head.num_classes == 7
    train, val, known = (built(cfg, real_data, part) for part in ('train', 'val', 'test'))
    unknown = built(cfg, real_data, only_unknown=True)
    assert (len(train), len(val), len(known) + len(unknown), len(unknown)) == GENERALIZATION[target]
    assert {info['gt_label'] for info in map(train.get_data_info, range(len(train)))} == set(range(7))


@pytest.mark.real_data
@pytest.mark.parametrize('target', ACTORS)
def test_open_set_generalization_of_actors(real_data: Path, target: str) -> None:
    cfg = prepared('erm', 'hac', 'drinking', target=[target])
    assert cfg.model.cls_head.num_classes == 6
    known, unknown = built(cfg, real_data), built(cfg, real_data, only_unknown=True)
    assert len(built(cfg, real_data, 'train')) == HAC_TRAIN[target]
    assert len(known) + len(unknown) == HAC_TEST[target]
    listed = built(cfg, real_data, only_unknown=True, split='train')
    assert len(listed) == HAC_UNKNOWN_IN_TRAIN[target]


@pytest.mark.real_data
@pytest.mark.parametrize('target', KITCHENS)
def test_open_partial_generalization(real_data: Path, target: str) -> None:
    cfg = prepared('erm', 'epic-open-partial', target=[target])
    assert cfg.model.cls_head.num_classes == 7
    train, known, unknown = (built(cfg, real_data, 'train'), built(cfg, real_data),
                             built(cfg, real_data, only_unknown=True))
    infos = list(map(train.get_data_info, range(len(train))))
    counts = Counter(info['domain_label'] for info in infos)
    assert (counts[0], counts[1], len(known) + len(unknown), len(unknown)) == PARTIAL[target]
    # close (3) is left out: 5 and 7 are 4 and 6 now.
    for number, classes in enumerate([{0, 1, 2, 4, 6}, {0, 1, 3, 5, 6}]):
        assert {info['gt_label'] for info in infos if info['domain_label'] == number} == classes
    assert {info['gt_label'] for info in map(known.get_data_info, range(len(known)))} <= {0, 1, 4, 5}


@pytest.mark.real_data
def test_the_order_of_the_sources_is_that_of_their_classes(real_data: Path) -> None:
    """Sources in the other order: D3 has the classes of the first, D2 those of the second."""
    train = built(prepared('erm', 'epic-open-partial', target=['D1'], sources=['D3', 'D2']), real_data, 'train')
    domains = Counter(train.get_data_info(i)['domain'] for i in range(len(train)))
    assert domains == {'D3': 919 + 1121 + 450 + 110 + 69, 'D2': 715 + 692 + 298 + 113 + 129}


@pytest.mark.real_data
@pytest.mark.parametrize(('source', 'target'), [(one, two) for one in KITCHENS for two in KITCHENS if one != two])
def test_open_set_adaptation(real_data: Path, source: str, target: str) -> None:
    train = {'D1': (1543, 128), 'D2': (2495, 214), 'D3': (3897, 367)}
    cfg = prepared('dt', 'epic-open-adaptation', target=[target], sources=[source])
    labelled, unlabelled = (built(cfg, real_data, 'train', index) for index in (0, 1))
    assert len(labelled) == train[source][0] - train[source][1]
    assert len(unlabelled) == train[target][0], 'the unlabelled target has all classes'
    assert not any('gt_label' in unlabelled.get_data_info(i) for i in range(len(unlabelled)))
    assert labelled.metainfo['classes'] == unlabelled.metainfo['classes']
    assert len(built(cfg, real_data)) + GENERALIZATION[target][3] == GENERALIZATION[target][2]


def test_each_domain_has_its_classes(file: Path) -> None:  # noqa: F811
    everything = rows_of(dataset(file))
    lists = dict(source_classes=[['a', 'b'], ['b', 'c']], target_classes=['c'])
    chosen = rows_of(dataset(file, **lists))
    assert chosen.keys() == {name for name, info in everything.items()
                             if info['gt_label'] in ((0, 1) if info['domain'] == 'x' else (1, 2))}
    assert all(info['gt_label'] == everything[name]['gt_label'] for name, info in chosen.items())
    assert {info['gt_label'] for info in rows_of(dataset(file, ('z', ), 'test', **lists)).values()} == {2}


def test_what_a_source_does_not_have_is_in_no_statistics(file: Path) -> None:  # noqa: F811
    lists = dict(source_classes=[['a', 'b'], ['b', 'c']])
    for name in ('face', 'audio'):
        values = [info['modalities'][name]['feature'] for info in rows_of(dataset(file, **lists)).values()]
        assert abs(sum(values) / len(values)).max() < 1e-6
    statistics = dataset(file, **lists).source_statistics('face')
    assert statistics.deviation.shape == (6, )


def test_an_unlabelled_target_may_have_unknown_classes(file: Path) -> None:  # noqa: F811
    options = dict(domains=('z', ), split='train', target_test_fraction=.2, unlabeled_target=True, monitor_labels=True)
    everything = rows_of(dataset(file, **options))
    without = rows_of(dataset(file, unknown_classes=['b'], **options))
    beside = rows_of(dataset(file, unknown_classes=['b'], keep_unknown=True, **options))
    assert beside.keys() == everything.keys()
    assert without.keys() == {name for name, info in everything.items() if info['monitor_label'] != 1}
    for name, info in beside.items():
        assert 'gt_label' not in info
        assert info.get('monitor_label') == {0: 0, 1: None, 2: 1}[everything[name]['monitor_label']]
    assert rows_of(dataset(file, unknown_classes=['b'], keep_unknown=True, unlabeled_target=True)).keys() == rows_of(
        dataset(file, unknown_classes=['b'])).keys(), 'sources never have them'


@pytest.mark.parametrize(('options', 'message'), [
    (dict(source_classes=[['a']]), r'source_classes has 1 lists and the source domains are \[.x., .y.\]: give one'),
    (dict(source_classes=['a', 'b']), "source_classes='a' must be a list of classes, for source_classes one in"),
    (dict(source_classes=[['a', 'q'], ['b', 'c']]), r"source_classes names \['q'\], but the classes are \['a', 'b'"),
    (dict(target_classes=['q']), r"target_classes names \['q'\], but"),
    (dict(source_classes=[['a', 'c'], ['b']], unknown_classes=['c']), r"names \['c'\], which unknown_classes keeps"),
    (dict(source_classes=[['a'], ['b']]), r"leaves \['c'\] without a sample in any source"),
    (dict(unknown_classes=['c'], keep_unknown=True), 'keep_unknown=True needs unlabeled_target=True'),
])
def test_what_cannot_be_chosen_is_one_sentence(file: Path, options: dict, message: str) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=message):
        dataset(file, **options)


def test_a_domain_that_is_left_empty_is_one_sentence(file: Path) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=r"leave no sample of domains \['z'\]: name other classes"):
        dataset(file, ('z', ), 'test', unknown_classes=['a'], target_classes=['a'])


def test_nothing_is_chosen_by_default() -> None:
    choice = ClassChoice((), (), (), SOURCES)
    assert not choice
    assert choice.resolve(('a', 'b')) == ()
    assert choice.occurs('x', 1)
    assert choice.occurs('z', 1)
    assert choice.known(1) == 1


def test_a_config_keeps_unknown_classes_where_a_target_is_unlabelled() -> None:
    cfg = recipe('dt', 'ravdess-adaptation')
    cfg.unknown_classes, cfg.unknown_in_target = ['angry'], True
    set_unknown_classes(cfg)
    assert 'unknown_in_target' not in cfg
    assert all(own.keep_unknown for own in cfg.train_dataloader.dataset.datasets)
    assert 'keep_unknown' not in cfg.test_dataloader.dataset
    for method, dataset_name, unknown, lacks in (('erm', 'ravdess', ['angry'], 'no data set of train_dataloader has'),
                                                 ('dt', 'ravdess-adaptation', None, 'unknown_classes names none')):
        cfg = recipe(method, dataset_name)
        cfg.unknown_in_target = True
        if unknown:
            cfg.unknown_classes = unknown
        with pytest.raises(ValueError, match=f'unknown_in_target=True trains on .* but {lacks}'):
            set_unknown_classes(cfg)
