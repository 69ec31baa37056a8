"""The versions that the tests run with, and what each distribution is for.

An installed package has no requirements file, so :mod:`mmda_ext.doctor` reads this table.
"""

from typing import NamedTuple

#: First Python that works, and first that was not tried.
PYTHON = ((3, 10), (3, 13))


class Tested(NamedTuple):
    """One distribution: module to import, tested version, and whether the package works without it."""

    module: str
    version: str
    needed: bool
    purpose: str


TESTED = {
    'torch': Tested('torch', '2.13.0', True, 'everything'),
    'mmengine': Tested('mmengine', '0.10.7', True, 'configs, registries, training'),
    'mmcv-lite': Tested('mmcv', '2.1.0', True, 'image operations'),
    'mmaction2': Tested('mmaction', '1.2.0', True, 'video backbones, decoders, data samples'),
    'numpy': Tested('numpy', '1.26.4', True, 'everything'),
    'opencv-python': Tested('cv2', '4.11.0.86', True, 'image operations'),
    'opencv-contrib-python': Tested('cv2', '4.11.0.86', True, 'image operations'),
    'setuptools': Tested('setuptools', '81.0.0', False, 'installing from source'),
    'importlib_metadata': Tested('importlib_metadata', '10.2.0', False, 'MMAction2; the standard library stands in'),
    'scipy': Tested('scipy', '1.17.1', True, 'signals, metrics'),
    'librosa': Tested('librosa', '0.11.0', False, 'resampling and mel spectrograms'),
    'soundfile': Tested('soundfile', '0.14.0', False, 'reading audio files'),
    'transformers': Tested('transformers', '5.23.0', False, 'text and speech backbones'),
    'decord': Tested('decord', '0.6.0', False, 'decoding video faster (x86-64 only)'),
    'av': Tested('av', '18.1.0', False, 'reading video files'),
    'scikit-learn': Tested('sklearn', '1.9.1', False, 'clusters of Diagnosing & Re-learning, analyses'),
    'matplotlib': Tested('matplotlib', '3.11.2', False, 'plots'),
    'rich': Tested('rich', '15.0.0', False, 'tables'),
    'optuna': Tested('optuna', '5.0.0', False, 'search of tools/benchmark.py'),
    'torchmetrics': Tested('torchmetrics', '1.9.0', False, 'tools/test.py --protocol trust'),
    'torchjd': Tested('torchjd', '0.18.0', False, 'further balancers'),
    'tensorboard': Tested('tensorboard', '2.21.0', False, 'training curves in a browser'),
}
