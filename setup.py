"""Packaging: the package, and beside it in ``.mim`` the configs and tools that OpenMMLab's tools look for."""

import os
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).resolve().parent
MIM_ASSETS = ('configs', 'tools', 'model-index.yml', 'dataset-index.yml')

INSTALL_REQUIRES = [
    'torch>=2.2',
    'mmengine>=0.10.5,<1.0',
    'mmcv-lite>=2.0.1,<2.2',  # MMAction2 refuses 2.2; the compiled operators of mmcv are not needed
    'mmaction2>=1.1,<2.0',
    'numpy>=1.24',
    'scipy',
    'scikit-learn>=1.3',  # k-means of diagnosing_relearning_hook
    'librosa>=0.10',
    'soundfile>=0.12',
    'transformers>=4.40',
    'importlib_metadata',  # MMAction2 imports it without declaring it
    'setuptools<82',  # 82 removed pkg_resources, which MMEngine imports for configs named `package::`
]

EXTRAS = {
    'audio': ['librosa>=0.10', 'soundfile>=0.12'],
    'video': ['av>=14'],
    'parquet': ['pyarrow>=14'],
    'track': ['tensorboard>=2.14'],
    'torchjd': ['torchjd>=0.12,<1'],  # 0.12 made torch its only requirement
    'analysis': ['matplotlib>=3.7', 'rich>=13', 'scikit-learn>=1.3', 'optuna>=4.2', 'torchmetrics>=1.4'],
    'mim': ['openmim>=0.3.9'],
    'tests': ['pytest>=8', 'pytest-xdist>=3.5', 'matplotlib>=3.7', 'rich>=13', 'scikit-learn>=1.3', 'av>=14',
              'optuna>=4.2', 'torchmetrics>=1.4'],
    'docs': ['mkdocs>=1.6,<2', 'mkdocs-material>=9.5', 'mkdocstrings-python>=1.16'],
}
EXTRAS['all'] = sorted({item for name in ('audio', 'video', 'track', 'torchjd', 'analysis') for item in EXTRAS[name]})


class BuildWithMim(build_py):
    """Place the assets in the wheel; an editable install gets links to them, so that edits are seen."""

    def run(self) -> None:
        super().run()
        base = SOURCE if self.editable_mode else Path(self.build_lib)
        place_assets(base / 'mmda_ext' / '.mim', link=self.editable_mode)


def place_assets(target: Path, link: bool) -> None:
    """Fill ``target`` with copies of the assets, or with relative links to them."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for name in MIM_ASSETS:
        source, destination = SOURCE / name, target / name
        if link:
            destination.symlink_to(os.path.relpath(source, target))
        elif source.is_dir():
            shutil.copytree(source, destination, ignore=shutil.ignore_patterns('__pycache__', '*.py[cod]'))
        else:
            shutil.copy2(source, destination)


def read_readme() -> str:
    """Text of the front page; an unpacked source tree may come without it."""
    readme = SOURCE / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


if __name__ == '__main__':
    setup(
        name='mmda_ext',
        version=runpy.run_path(str(SOURCE / 'mmda_ext' / 'version.py'))['__version__'],
        description='Multimodal domain generalization and adaptation on MMAction2 1.x',
        long_description=read_readme(),
        long_description_content_type='text/markdown',
        author='mmda_ext contributors',
        license='Apache-2.0',
        license_files=['LICENSE'],
        keywords='domain generalization, domain adaptation, multimodal learning, action recognition',
        classifiers=[
            'Intended Audience :: Science/Research',
            'Operating System :: POSIX :: Linux',
            'Programming Language :: Python :: 3.10',
            'Programming Language :: Python :: 3.11',
            'Programming Language :: Python :: 3.12',
            'Programming Language :: Python :: 3.13',
            'Topic :: Scientific/Engineering :: Artificial Intelligence',
        ],
        packages=find_packages(include=('mmda_ext', 'mmda_ext.*')),
        package_data={'mmda_ext': ['py.typed']},
        entry_points={'console_scripts': ['mmda=mmda_ext.command:main']},
        python_requires='>=3.10',
        install_requires=INSTALL_REQUIRES,
        extras_require=EXTRAS,
        cmdclass={'build_py': BuildWithMim},
        zip_safe=False,
    )
