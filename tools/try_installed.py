"""Use the installed package as its user does, away from its source: look at it, train, predict.

Example:
    cd /tmp && env/bin/python /path/to/tools/try_installed.py

Everything goes through the command ``mmda`` beside this Python, in an empty temporary folder. ``make release`` runs it
in an environment that holds nothing but the wheel and what it requires.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MODALITIES = ('video', 'audio')
SHORT = ('--cfg-options', 'train_cfg.max_epochs=2', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
         'test_dataloader.num_workers=0')


def mmda(folder: Path, *words: str) -> str:
    """What the command printed.

    Raises:
        SystemExit: If it failed, with its last lines.
    """
    command = [str(Path(sys.executable).with_name('mmda')), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = '\n'.join((done.stdout + done.stderr).splitlines()[-20:])
        sys.exit(f'{tail}\nerror: mmda {" ".join(words)} ended with exit code {done.returncode}')
    return done.stdout


def make_features(file: Path) -> None:
    """Two modalities, two classes, three domains; every class is where its label is in all of them."""
    random = np.random.default_rng(0)
    label = np.tile([0, 1], 36)
    arrays = {name: random.normal(size=(72, 8)) + 3 * label[:, None] for name in MODALITIES}
    np.savez(file, label=label, domain=np.repeat(['siteA', 'siteB', 'siteC'], 24),
             **{name: values.astype('float32') for name, values in arrays.items()})
    for name, values in arrays.items():
        np.save(file.with_name(f'{name}.npy'), values[1].astype('float32'))


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    place = package_folder()
    if (place.parent / 'setup.py').exists():
        sys.exit(f'error: {place} is a checkout, not an installed package; install the wheel into this environment')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_features(folder / 'mine.npz')
        print(mmda(folder, 'doctor'))
        mmda(folder, 'train', 'gmp', '--dataset', 'mine.npz', '--target', 'siteB', '--work-dir', 'run', *SHORT)
        result = json.loads((folder / 'run/result.json').read_text())
        said = mmda(folder, 'predict', 'run', *(f'{name}={name}.npy' for name in MODALITIES))
    print(f'{place}: trained, accuracy on siteB {result["test"]["acc/top1"]:.0f}; predicted:\n{said}')
    return 0


def package_folder() -> Path:
    """Folder of the installed package; the folder of this file is not looked into."""
    code = 'import importlib.util; print(importlib.util.find_spec("mmda_ext").submodule_search_locations[0])'
    done = subprocess.run([sys.executable, '-c', code], cwd='/', capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


if __name__ == '__main__':
    sys.exit(main())
