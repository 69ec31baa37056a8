"""What simple hand-made features reach on the demo data: in-domain and leave-one-domain-out accuracy per modality.

Logistic regression on spectrogram statistics and on frame differences; seconds, no training. It tells whether a demo
folder shows what it should: easy on the sources, worse on the unseen domain, one modality worse than the other.

Example: python tools/analysis/demo_baseline.py data/demo/hac
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import soundfile
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.signal import spectrogram
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.hac import read_list

DOMAINS = ('human', 'animal', 'cartoon')
MODALITIES = ('video', 'audio', 'fused')
Rows = dict[str, np.ndarray]


def audio_features(path: Path) -> np.ndarray:
    """Mean and spread over time of the log spectrogram in 32 bands, and how each band rises and falls."""
    samples, rate = soundfile.read(path)
    power = spectrogram(samples, rate, nperseg=512, noverlap=353)[2]
    log = np.log(power[:256] + 1e-7).reshape(32, 8, -1).mean(1)
    log = (log - log.mean()) / log.std()
    change = np.diff(log, axis=1)
    return np.concatenate([log.mean(1), log.std(1), np.maximum(change, 0).mean(1), change.std(1)])


def video_features(path: Path) -> np.ndarray:
    """Where (8 x 10 grid) and how strongly the picture changes, and how the total change varies over time."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = capture.read()
        if not good:
            break
        frames.append(cv2.resize(frame, (40, 32)).mean(-1))
    change = np.abs(np.diff(np.stack(frames), axis=0)) / 255
    cells = change.reshape(len(change), 8, 4, 10, 4).mean((2, 4))
    total = np.sort(change.mean((1, 2)))[:: len(change) // 8]
    where = np.concatenate([cells.mean(0).ravel(), cells.std(0).ravel()])
    return np.concatenate([where / (where.mean() + 1e-6), np.log(total + 1e-4)])


def load(root: Path, domain: str, split: str) -> Rows:
    """Features and labels of one split file."""
    rows = [(stem, label) for _, stem, label in read_list(root / 'splits' / f'HAC_{split}_only_{domain}.csv')]
    video = [video_features(root / domain / 'videos' / f'{stem}.mp4') for stem, _ in rows]
    audio = [audio_features(root / domain / 'audio' / f'{stem}.wav') for stem, _ in rows]
    made = {'video': np.stack(video), 'audio': np.stack(audio), 'label': np.array([label for _, label in rows])}
    return {**made, 'fused': np.concatenate([made['video'], made['audio']], axis=1)}


def joined(parts: list[Rows]) -> Rows:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def accuracies(train: Rows, val: Rows, test: Rows) -> dict[str, dict[str, float]]:
    """Percent correct per modality on the sources' test files and on the unseen domain."""
    result: dict[str, dict[str, float]] = {'val': {}, 'test': {}}
    for modality in MODALITIES:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        model.fit(train[modality], train['label'])
        for name, part in (('val', val), ('test', test)):
            result[name][modality] = 100 * model.score(part[modality], part['label'])
    return result


def measure(root: Path) -> dict[str, dict[str, dict[str, float]]]:
    splits = [(domain, split) for domain in DOMAINS for split in ('train', 'test')]
    parts = {key: load(root, *key) for key in track(splits, 'features', transient=True)}
    result = {}
    for target in DOMAINS:
        sources = [domain for domain in DOMAINS if domain != target]
        train, val = (joined([parts[domain, split] for domain in sources]) for split in ('train', 'test'))
        result[target] = accuracies(train, val, joined([parts[target, 'test'], parts[target, 'train']]))
    return result


def show(result: dict[str, dict[str, dict[str, float]]]) -> None:
    table = Table('target', *(f'{m} in-domain' for m in MODALITIES), *(f'{m} unseen' for m in MODALITIES))
    for target, row in result.items():
        table.add_row(target, *(f'{row[part][m]:.1f}' for part in ('val', 'test') for m in MODALITIES))
    means = [np.mean([row[part][m] for row in result.values()]) for part in ('val', 'test') for m in MODALITIES]
    table.add_row('mean', *(f'{mean:.1f}' for mean in means))
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder of demo data in the HAC layout')
    parser.add_argument('--json', type=Path, help='write the numbers here too')
    args = parser.parse_args(arguments)
    if not (args.root / 'splits').is_dir():
        print(
            f'error: {args.root}/splits does not exist; make it: python tools/data/make_demo_data.py', file=sys.stderr
        )
        return 2
    result = measure(args.root)
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
