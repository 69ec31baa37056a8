"""Feature files: who trains, who validates, what is scaled by what."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from mmda_ext.datasets import FeatureDataset, features
from mmda_ext.datasets.feature_checks import class_labels
from mmda_ext.datasets.feature_splits import assign_parts, constant_elements, mean_and_deviation, standardized

SOURCES = ('a', 'b')


def write_features(path: Path, **changes: object) -> Path:
    """90 samples, three domains, three classes; the features of domain c lie far away."""
    rng = np.random.default_rng(0)
    domain = np.repeat(['a', 'b', 'c'], 30)
    shift = np.where(domain == 'c', 1000., 3.)[:, None]
    arrays = {
        'face': (rng.normal(size=(90, 4)) * 2 + shift).astype(np.float32),
        'sound': rng.normal(size=(90, 2, 3)).astype(np.float16),
        'label': np.tile(np.arange(3), 30), 'domain': domain, 'classes': np.array(['x', 'y', 'z'])
    } | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def load(path: Path, domains: tuple[str, ...], split: str, **options: object) -> FeatureDataset:
    options = {'modalities': ('face', )} | options
    return FeatureDataset(str(path), domains, SOURCES, split=split, **options)


def identifiers(data: FeatureDataset) -> set[str]:
    return {data.get_data_info(i)['sample_id'] for i in range(len(data))}


def stack(data: FeatureDataset, modality: str = 'face') -> np.ndarray:
    return np.stack([data.get_data_info(i)['modalities'][modality]['feature'] for i in range(len(data))])


def test_parts_are_disjoint_stratified_and_hold_no_target(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    train, val, test = load(path, SOURCES, 'train'), load(path, SOURCES, 'val'), load(path, ('c', ), 'test')
    assert (len(train), len(val), len(test)) == (48, 12, 30)
    assert not identifiers(train) & identifiers(val)
    assert not any(train.get_data_info(i)['is_target'] for i in range(48))
    pairs = [(val.get_data_info(i)['domain'], val.get_data_info(i)['gt_label']) for i in range(12)]
    assert all(pairs.count((domain, label)) == 2 for domain in SOURCES for label in range(3))
    assert len(load(path, ('a', 'b', 'c'), 'all')) == 90


def test_the_target_never_enters_training_even_when_asked(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    with pytest.raises(ValueError, match=r"no sample of domains \('c',\) with split='train'"):
        load(path, ('c', ), 'train')
    assert identifiers(load(path, ('a', 'b', 'c'), 'train')) == identifiers(load(path, SOURCES, 'train'))


def test_the_division_is_deterministic_and_independent_of_the_other_domains() -> None:
    labels, domains = np.tile(np.arange(3), 20), np.repeat(['a', 'b'], 30)
    once = assign_parts(labels, domains, ('a', 'b'), .2, 0)
    np.testing.assert_array_equal(once, assign_parts(labels, domains, ('a', 'b'), .2, 0))
    np.testing.assert_array_equal(once[:30], assign_parts(labels, domains, ('a', ), .2, 0)[:30])
    assert (once != assign_parts(labels, domains, ('a', 'b'), .2, 1)).any()


def test_statistics_come_from_the_training_sources_only(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    train, test = stack(load(path, SOURCES, 'train')), stack(load(path, ('c', ), 'test'))
    assert train.dtype == np.float32
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-5)
    assert test.mean() > 100
    # Changing everything but the training samples of the sources must not change them.
    values = np.load(path)['face'].copy()
    rows = {int(name.split('/')[1]) for name in identifiers(load(path, SOURCES, 'train'))}
    values[[row for row in range(90) if row not in rows]] = -7
    np.testing.assert_array_equal(stack(load(write_features(path, face=values), SOURCES, 'train')), train)


def test_constant_elements_are_only_shifted() -> None:
    values = np.ones((4, 2), dtype=np.float32)
    values[:, 1] = [0, 1, 2, 3]
    scaled = standardized(values, *mean_and_deviation(values))
    np.testing.assert_array_equal(scaled[:, 0], 0)
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_what_is_constant_is_told_by_the_precision_of_the_file(dtype: type) -> None:
    """Small features are scaled, and the rounding of a large constant is not blown up."""
    rng = np.random.default_rng(0)
    unit = np.finfo(dtype).eps
    values = np.stack([1e-4 * (1 + rng.random(50)), 1024 * (1 + unit * rng.integers(0, 2, 50))], axis=1).astype(dtype)
    if dtype != np.float16:
        values[:, 0] *= dtype(1e-8)
    assert len(np.unique(values[:, 1])) == 2
    assert constant_elements(values).tolist() == [False, True]
    scaled = standardized(values, *mean_and_deviation(values))
    assert scaled[:, 0].std() == pytest.approx(1, abs=1e-5)
    assert np.abs(scaled[:, 1]).max() <= 1024 * unit


def test_a_column_that_is_constant_in_training_only_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(features, 'print_log', lambda text, **_: told.append(text))
    face = np.load(write_features(tmp_path / 'x.npz'))['face'].copy()
    face[:, 2] = 5
    load(write_features(tmp_path / 'x.npz', face=face), SOURCES, 'train')
    assert told == []
    face[89, 2] = 6
    load(write_features(tmp_path / 'x.npz', face=face), SOURCES, 'train')
    assert len(told) == 1
    assert '1 columns of `face` (such as [2])' in told[0]


def test_names_of_arrays_flattening_and_raw_values(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    data = load(path, SOURCES, 'train', modalities={'audio': 'sound', 'video': 'face'}, flatten=True, standardize=False)
    info = data.get_data_info(0)
    assert list(info['modalities']) == ['audio', 'video']
    row = int(info['sample_id'].split('/')[1])
    np.testing.assert_array_equal(info['modalities']['audio']['feature'], np.load(path)['sound'][row].reshape(-1))
    info['modalities']['audio']['feature'][:] = 99
    assert data.get_data_info(0)['modalities']['audio']['feature'].max() < 99, 'the stored array was changed'


def test_a_split_in_the_file_counts(tmp_path: Path) -> None:
    split = np.array((['train'] * 20 + ['val'] * 5 + ['test'] * 5) * 3)
    path = write_features(tmp_path / 'x.npz', split=split)
    assert [len(load(path, SOURCES, part)) for part in ('train', 'val', 'test')] == [40, 10, 10]
    assert len(load(path, ('c', ), 'test')) == 5


def test_a_target_is_divided_where_asked(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    train, test, whole = (load(path, ('c', ), part, target_test_fraction=.2) for part in ('train', 'test', 'all'))
    assert [len(data) for data in (train, test, whole)] == [24, 6, 30]
    assert not identifiers(train) & identifiers(test)
    assert [test.get_data_info(i)['gt_label'] for i in range(6)].count(1) == 2, 'stratified'
    splits = [whole.get_data_info(i)['split'] for i in range(30)]
    assert (splits.count('train'), splits.count('test')) == (24, 6)
    before = identifiers(load(path, SOURCES, 'train'))
    assert identifiers(load(path, SOURCES, 'train', target_test_fraction=.2)) == before, 'sources stay as they are'
    np.testing.assert_array_equal(stack(whole), stack(load(path, ('c', ), 'test')))
    with pytest.raises(ValueError, match='target_test_fraction=1.5 must be'):
        load(path, ('c', ), 'train', target_test_fraction=1.5)
    with pytest.raises(ValueError, match='array `split`, which says who tests'):
        load(write_features(path, split=np.full(90, 'train')), ('c', ), 'train', target_test_fraction=.2)


def write_groups(path: Path, **changes: object) -> Path:
    """Groups of two neighbours of one class, ten of each class and domain."""
    rows = np.arange(180)
    domain, label = np.repeat(['a', 'b', 'c'], 60), rows // 20 % 3
    group = np.char.add(domain, (rows // 2).astype(str))
    return write_features(path, face=np.random.default_rng(0).normal(size=(180, 4)), sound=None, label=label,
                          domain=domain, **({'group': group} | changes))


def test_groups_are_not_divided(tmp_path: Path) -> None:
    path = write_groups(tmp_path / 'x.npz')
    rows = {part: sorted(int(name.split('/')[1]) for name in identifiers(load(path, SOURCES, part, grouped=True)))
            for part in ('train', 'val')}
    assert [len(rows[part]) for part in ('train', 'val')] == [96, 24], 'two of ten groups of each class'
    assert all(row ^ 1 in rows['val'] for row in rows['val'])
    assert [sum(row // 20 == kind for row in rows['val']) for kind in range(6)] == [4] * 6
    alone = identifiers(load(path, SOURCES, 'val'))
    assert any(f'{name[:2]}{int(name.split("/")[1]) ^ 1:06d}' not in alone for name in alone), 'without grouped=True'
    held_out = load(path, ('c', ), 'test', grouped=True, target_test_fraction=.5)
    assert all(f'c/{int(name.split("/")[1]) ^ 1:06d}' in identifiers(held_out) for name in identifiers(held_out))
    assert len(held_out) == 30


def test_a_group_of_several_classes_is_not_divided_either() -> None:
    domains, groups = np.repeat(['a', 'b'], 60), np.repeat(np.arange(40), 3)
    parts = assign_parts(np.tile(np.arange(3), 40), domains, ('a', 'b'), .2, 0, groups=groups)
    assert all(len(set(parts[groups == group])) == 1 for group in range(40))
    assert [(parts[domains == name] == 'val').sum() for name in 'ab'] == [12, 12]


def test_what_cannot_be_grouped_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='has no array `group`, by which grouped=True divides'):
        load(write_features(tmp_path / 'x.npz'), SOURCES, 'train', grouped=True)
    with pytest.raises(ValueError, match=r"sample 60: `group` 'one' lies in several domains"):
        load(write_groups(tmp_path / 'x.npz', group=np.full(180, 'one')), SOURCES, 'train', grouped=True)
    with pytest.raises(ValueError, match='array `split`, which says who validates'):
        load(write_groups(tmp_path / 'x.npz', split=np.full(180, 'train')), SOURCES, 'train', grouped=True)
    with pytest.raises(ValueError, match='`group` has 3 samples, `label` 180'):
        load(write_groups(tmp_path / 'x.npz', group=np.arange(3)), SOURCES, 'train', grouped=True)


def test_unlabelled_target(tmp_path: Path) -> None:
    data = load(write_features(tmp_path / 'x.npz'), ('a', 'c'), 'all', unlabeled_target=True)
    assert [('gt_label' in data.get_data_info(i)) for i in (0, 59)] == [True, False]


@pytest.mark.parametrize('serialize', [True, False])
def test_lazy_and_serialised(tmp_path: Path, serialize: bool) -> None:
    path = write_features(tmp_path / 'x.npz')
    data = load(path, SOURCES, 'train', lazy_init=True, serialize_data=serialize)
    assert data._fully_initialized is False
    data.full_init()
    assert len(data) == 48
    assert data.metainfo['classes'] == ('x', 'y', 'z')
    assert len(data.get_subset(5)) == 5
    assert data.get_subset([3]).get_data_info(0)['sample_id'] == data.get_data_info(3)['sample_id']
    assert load(path, SOURCES, 'train', indices=4, serialize_data=serialize).get_cat_ids(0) == [data.get_cat_ids(0)[0]]


@pytest.mark.parametrize(('labels', 'classes', 'indices'), [
    (np.array([0, 2, 0]), ['0', '1', '2'], [0, 2, 0]), (np.array([[1.], [0.], [1.]]), ['0', '1'], [1, 0, 1]),
    (np.array(['sit', 'clap', 'sit']), ['clap', 'sit'], [1, 0, 1])])
def test_classes_may_be_left_out(labels, classes, indices):
    found, names = class_labels(Path('f.npz'), labels, None)
    assert found.tolist() == indices
    assert names.tolist() == classes


@pytest.mark.parametrize(('changes', 'message'), [
    ({'label': np.full(90, 3)}, 'sample 0: label 3 is unknown, the labels are 0 to 2'),
    ({'face': None}, r"lacks the arrays \['face'\]"),
    ({'face': np.zeros((7, 4))}, '`face` has 7 samples'),
    ({'split': np.full(90, 'dev')}, r"sample 0: `split` holds 'dev'"),
    ({'split': np.full(90, 'test')}, 'standardize=False'),
    ({'classes': None, 'label': np.full(90, 10**6)}, 'sample 0: label 1000000 is no number of a class'),
    ({'classes': None, 'label': np.full(90, -1)}, 'sample 0: label -1 is no number of a class'),
    ({'classes': np.array(['x', 'y', 'x'])}, 'names one class twice'),
    ({'classes': np.array(3)}, r'`classes` has shape \(\)'),
    ({'label': np.tile([0., 1., 1.7], 30)}, 'sample 2: label 1.7 is unknown'),
    ({'label': np.array([0.] * 89 + [np.nan])}, 'sample 89: label nan is unknown'),
    ({'label': np.array([0] * 5 + [-1] * 85)}, 'sample 5: label -1 is unknown'),
    ({'label': np.eye(3)[np.tile(np.arange(3), 30)]}, r'`label` has shape \(90, 3\), one value.*argmax'),
    ({'label': np.array(['x'] * 89 + ['q'])}, r"sample 89: label 'q' is unknown, the classes are \['x', 'y', 'z'\]"),
    ({'label': np.full(90, 1j)}, '`label` holds complex128'),
    ({'label': np.array(1)}, r'`label` has shape \(\)'),
    ({'domain': np.zeros(90)}, '`domain` holds float64'),
    ({'face': np.full((90, 4), 'a')}, '`face` holds <U1, features must be numbers'),
    ({'face': np.zeros(90)}, r'`face` has shape \(90,\)'),
    ({'face': np.zeros((90, 0))}, r'`face` has shape \(90, 0\)'),
])
def test_bad_files_are_named(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(write_features(tmp_path / 'x.npz', **changes), SOURCES, 'train')


def test_bad_domains_options_and_pickles(tmp_path: Path) -> None:
    path = write_features(tmp_path / 'x.npz')
    with pytest.raises(ValueError, match=r"\['q'\], but the domains are \['a', 'b', 'c'\]"):
        load(path, ('q', ), 'train')
    with pytest.raises(ValueError, match='split='):
        load(path, SOURCES, 'dev')
    with pytest.raises(ValueError, match='val_fraction'):
        load(path, SOURCES, 'train', val_fraction=1.)
    with pytest.raises(FileNotFoundError, match='ann_file'):
        load(tmp_path / 'none.npz', SOURCES, 'train')
    np.savez(tmp_path / 'bad.npz', face=np.array([{}], dtype=object), label=[0], domain=['a'], classes=['x'])
    with pytest.raises(ValueError, match='`face` cannot be read: it holds Python objects'):
        load(tmp_path / 'bad.npz', SOURCES, 'train')


@pytest.mark.parametrize(('name', 'place', 'value', 'message'), [
    ('face', (7, 2), np.inf, r'x\.npz: `face` holds inf in row 7, column 2 \(1 of 90 rows'),
    ('face', (80, 0), np.nan, r'`face` holds nan in row 80, column 0'),
    ('sound', (3, 1, 2), -np.inf, r'`sound` holds -inf in row 3, column \(1, 2\)'),
    ('wide', (4, 1), -1e39, r'`wide` holds -1e\+39 in row 4, column 1'),
])
def test_a_value_that_poisons_is_named(tmp_path: Path, name: str, place: tuple, value: float, message: str) -> None:
    """Also in rows of the target that this instance does not hold, and without standardising."""
    arrays = dict(np.load(write_features(tmp_path / 'x.npz')), wide=np.zeros((90, 2)))
    arrays[name] = arrays[name].copy()
    arrays[name][place] = value
    path = write_features(tmp_path / 'x.npz', **arrays)
    for standardize in (True, False):
        with pytest.raises(ValueError, match=message):
            load(path, SOURCES, 'train', modalities=(name, ), standardize=standardize)
    load(path, SOURCES, 'train', modalities=('face', ) if name != 'face' else ('sound', ))


def test_the_first_of_several_rows_is_named(tmp_path: Path) -> None:
    face = np.ones((90, 4))
    face[40:60, 1:] = np.nan
    with pytest.raises(ValueError, match=r'`face` holds nan in row 40, column 1 \(20 of 90 rows'):
        load(write_features(tmp_path / 'x.npz', face=face), SOURCES, 'train')


def test_a_value_that_standardising_makes_infinite_is_named(tmp_path: Path) -> None:
    face = np.zeros((90, 4))
    face[:, 1] = np.linspace(0, 1e-10, 90)
    face[89, 1] = 1e38
    with pytest.raises(ValueError, match='`face` holds inf in row 89, column 1 after standardising'):
        load(write_features(tmp_path / 'x.npz', face=face), SOURCES, 'train')


@pytest.mark.parametrize('changes', [
    {'label': np.tile(np.arange(3), 30)[:, None]}, {'label': np.tile([0., 1., 2.], 30)},
    {'label': np.tile(np.arange(3, dtype=np.uint8), 30)}, {'label': np.tile(['x', 'y', 'z'], 30)},
    {'label': np.tile([b'x', b'y', b'z'], 30)[:, None]}, {'label': np.tile(['x', 'y', 'z'], 30), 'classes': None},
    {'label': np.tile([2, 0, 1], 30), 'classes': np.array(['y', 'z', 'x'])},
    {'label': np.tile(['x', 'y', 'z'], 30), 'classes': np.array(['y', 'z', 'x'])},
    {'domain': np.repeat([b'a', b'b', b'c'], 30)[:, None], 'classes': np.array([b'x', b'y', b'z'])}
])
def test_labels_in_any_clear_form(tmp_path: Path, changes: dict) -> None:
    data = load(write_features(tmp_path / 'x.npz', **changes), SOURCES, 'all')
    names = [data.metainfo['classes'][data.get_data_info(i)['gt_label']] for i in range(6)]
    assert names == ['x', 'y', 'z', 'x', 'y', 'z']
    assert data.get_data_info(0)['domain'] == 'a'
    assert all(type(name) is str for name in data.metainfo['classes'])


def test_foreign_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'bad.npz'
    whole = write_features(tmp_path / 'x.npz').read_bytes()
    np.save(tmp_path / 'array.npy', np.zeros(3))
    for content in (b'', b'a,b\n1,2\n', whole[:len(whole) // 2], (tmp_path / 'array.npy').read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf'bad\.npz \({len(content)} bytes\) is no \.npz file, or is cut short'):
            load(path, SOURCES, 'train')
    # One byte of the first array: the archive's check sum tells.
    path.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    with pytest.raises(ValueError, match=r'bad\.npz: `face` cannot be read: .*CRC'):
        load(path, SOURCES, 'train')
    with zipfile.ZipFile(path, 'w') as archive:
        for name in ('face', 'label', 'domain'):
            archive.writestr(name, 'text')
    with pytest.raises(ValueError, match='is no array'):
        load(path, SOURCES, 'train')


@pytest.mark.real_data
@pytest.mark.parametrize(('name', 'modalities', 'shape'), [
    ('ravdess_av', ('face', 'audio'), (116, )),
    ('av_digits', ('image', 'audio'), (1, 32, 40)),
])
def test_real_feature_files(real_data: Path, name: str, modalities: tuple[str, ...], shape: tuple[int, ...]) -> None:
    path = real_data / name / f'{name}.npz'
    domains = tuple(np.unique(np.load(path)['domain']).tolist())
    options = {'source_domains': domains[1:], 'modalities': modalities}
    parts = [FeatureDataset(str(path), domains[1:], split=split, **options) for split in ('train', 'val')]
    target = FeatureDataset(str(path), domains[:1], split='test', **options)
    assert sum(map(len, parts)) + len(target) == len(np.load(path)['label'])
    assert len(parts[1]) == pytest.approx(.2 * (len(parts[0]) + len(parts[1])), abs=10)
    feature = target.get_data_info(0)['modalities']['audio']['feature']
    assert feature.shape == shape
    assert np.isfinite(feature).all()
