"""The doctor, also where it has little to stand on."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmda_ext import doctor, stack
from mmda_ext.tested import TESTED, Tested

ROOT = Path(__file__).resolve().parents[1]


def test_report_of_a_working_environment(capsys):
    assert doctor.main() == 0
    report = capsys.readouterr().out
    assert all(f'\n{name} ' in report for name in TESTED)
    assert 'everything that the package needs is there' in report
    assert 'allow_mmengine_checkpoints' in report


def test_runs_without_any_requirement(tmp_path):
    # -S: no site-packages; the package itself must import without torch, mmengine, numpy.
    done = subprocess.run([sys.executable, '-S', '-m', 'mmda_ext.doctor'], cwd=tmp_path, capture_output=True, text=True,
                          env={'PYTHONPATH': str(ROOT)}, check=False)
    assert done.returncode == 1, done.stderr
    assert 'to mend: torch, mmengine, mmcv-lite, mmaction2, numpy' in done.stdout
    assert 'pip install "mmaction2==1.2.0"' in done.stdout
    assert 'provide_importlib_metadata' in done.stdout


def test_half_installed_stack_is_diagnosed(tmp_path):
    # mmengine without its own requirements, as `pip install --no-deps` leaves it.
    import mmengine
    (tmp_path / 'mmengine').symlink_to(Path(mmengine.__file__).parent)
    done = subprocess.run([sys.executable, '-S', '-m', 'mmda_ext.doctor'], cwd=tmp_path, capture_output=True, text=True,
                          env={'PYTHONPATH': f'{ROOT}:{tmp_path}'}, check=False)
    assert done.returncode == 1, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith('mmengine'))
    assert 'BROKEN' in line
    assert 'ModuleNotFoundError' in line


def test_missing_and_other_versions(monkeypatch):
    absent = Tested('absent_module', '1.0', True, 'tests')
    line = doctor.check_distribution('absent-dist', absent)
    assert (line.verdict, line.remedy) == (doctor.MISSING, 'pip install "absent-dist==1.0"  (tests)')
    assert doctor.check_distribution('absent-dist', absent._replace(needed=False)).verdict == doctor.ABSENT
    line = doctor.check_distribution('numpy', TESTED['numpy']._replace(version='0.1'))
    assert line.verdict == doctor.DIFFERS
    monkeypatch.setattr(sys, 'version_info', (3, 9, 1))
    assert doctor.check_python().verdict == doctor.BAD


@pytest.mark.parametrize(('module', 'error', 'remedy'), [
    ('cv2', ImportError('libGL.so.1: cannot open shared object file'), 'apt-get install libgl1'),
    ('decord', OSError('bad'), 'pip install --force-reinstall --no-deps "decord=='),
])
def test_broken_packages(monkeypatch, module, error, remedy):
    name = next(name for name, tested in TESTED.items() if tested.module == module)

    def fail(_):
        raise error

    monkeypatch.setattr(doctor.importlib, 'import_module', fail)
    line = doctor.check_distribution(name, TESTED[name])
    assert line.verdict.startswith(doctor.BAD)
    assert remedy in line.remedy


@pytest.mark.parametrize(('present', 'verdict'), [(('av', 'decord'), doctor.OK), (('av', ), doctor.OK),
                                                   (('decord', ), doctor.ABSENT), ((), doctor.ABSENT)])
def test_video_files_need_pyav(monkeypatch, present, verdict):
    monkeypatch.setattr(stack, 'installed', lambda module: module in present)
    monkeypatch.setattr(doctor, 'import_error', lambda module: None)
    line = doctor.check_video_decoder()
    assert (line.found, line.verdict) == (', '.join(present) or '-', verdict)
    assert ('pip install av' in line.remedy) == (verdict == doctor.ABSENT)


def test_torchvision_of_another_build_is_named(monkeypatch):
    monkeypatch.setattr(doctor, 'import_error', lambda module: 'RuntimeError: operator torchvision::nms does not exist')
    monkeypatch.setattr(stack, 'installed', lambda module: True)
    line = doctor.check_torchvision()
    assert line.verdict == doctor.BAD
    assert 'pip uninstall torchvision' in line.remedy
    assert 'pip uninstall torchvision' in doctor.remedy_for('transformers', TESTED['transformers'], 'could not import')
