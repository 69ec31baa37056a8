"""Samples per second of the EPIC-Kitchens and HAC pipelines, against the bare decoder, on media made here.

    python tools/benchmarks/data_speed.py --rounds 5 --json data_speed.json

Pipelines and decoders take turns on the same samples, so that a busy machine slows both. The table also tells how many
frames were asked of the decoder, of how many that the file holds.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmda_ext.apis.one_line_errors import run_with_one_line_errors
from mmda_ext.datasets.epic_layouts import FRAME_NAME, Segment, frames_audio, frames_video
from mmda_ext.registry import TRANSFORMS
from mmda_ext.visualization.marks import replace_between

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'datasets'
SECONDS, FPS, SIZE = 10, 24, (256, 456)


def picture(number: int) -> np.ndarray:
    """A moving texture: neither trivial nor impossible to compress."""
    rows, columns = np.mgrid[:SIZE[0], :SIZE[1]]
    shade = np.cos((rows - 2 * number) / 13)[..., None]
    return (127 + 120 * shade * np.sin((columns + 3 * number)[..., None] / 9 + np.arange(3))).astype(np.uint8)


def write_media(root: Path, samples: int) -> None:
    """Write videos of 10 s, as many segments as frames, and their sound."""
    import av
    import cv2
    import soundfile
    sound = np.random.default_rng(0).normal(0, .1, SECONDS * 16000)
    for index in range(samples):
        stem, folder = f'clip{index}', root / 'rgb' / 'train' / 'D1' / f'P08_{index:02d}'
        folder.mkdir(parents=True)
        with av.open(str(root / f'{stem}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=Fraction(FPS))
            stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuv420p'
            for number in range(SECONDS * FPS):
                frame = picture(number + 50 * index)
                cv2.imwrite(str(folder / FRAME_NAME.format(number)), frame)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
            container.mux(stream.encode())
        for path in (root / f'{stem}.wav', folder.with_suffix('.wav')):
            soundfile.write(path, sound, 16000)


def hac_sample(root: Path, index: int) -> dict[str, Any]:
    video = {'filename': str(root / f'clip{index}.mp4'), 'modality': 'RGB', 'start_index': 0}
    return {'modalities': {'video': video, 'audio': {'audio_path': str(root / f'clip{index}.wav')}}, 'gt_label': 0}


def epic_sample(root: Path, index: int) -> dict[str, Any]:
    segment = Segment('D1', 'train', f'P08_{index:02d}', 0, SECONDS * FPS, 0., 4., 0)
    modalities = {'video': frames_video(str(root), segment), 'audio': frames_audio(str(root), segment)}
    return {'modalities': modalities, 'gt_label': 0}


def compose(steps: list[dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    built = [TRANSFORMS.build(step) for step in steps]

    def run(results: dict[str, Any]) -> dict[str, Any]:
        for step in built:
            results = step(results)
        return results
    return run


def bare(pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only opening, sampling and decoding of the video."""
    steps = []
    for step in pipeline:
        if step['type'] == 'mmda_ext.PerModality':
            step = {'type': step['type'], 'video': step['video'][:1]}
        if step['type'] != 'mmda_ext.PackMultimodalInputs':
            steps.append(step)
    return steps


def counters() -> dict[str, int]:
    """Count what is asked of decord and of the reader of images from now on."""
    import decord
    import mmcv
    counts = {'frames': 0}
    get_batch, read = decord.VideoReader.get_batch, mmcv.imfrombytes

    def counted_batch(self: Any, inds: Any) -> Any:
        counts['frames'] += len(inds)
        return get_batch(self, inds)

    def counted_read(*arguments: Any, **options: Any) -> Any:
        counts['frames'] += 1
        return read(*arguments, **options)

    decord.VideoReader.get_batch, mmcv.imfrombytes = counted_batch, counted_read
    return counts


def measure(root: Path, samples: int, rounds: int) -> list[dict[str, Any]]:
    makers = {'epic': epic_sample, 'hac': hac_sample}
    runs = {}
    for name in makers:
        for mode in ('train', 'test'):
            pipeline = Config.fromfile(CONFIGS / f'{name}.py')[f'{mode}_pipeline']
            runs[name, mode, 'whole pipeline'] = compose(pipeline)
            runs[name, mode, 'decoder alone'] = compose(bare(pipeline))
    counts, times = counters(), {key: [] for key in runs}
    frames = dict.fromkeys(runs, 0)
    # The first round warms caches and imports and is not counted.
    for turn in range(rounds + 1):
        for key, run in runs.items():
            before = counts['frames']
            start = time.perf_counter()
            for index in range(samples):
                run(makers[key[0]](root, index) | {'domain': 'D1', 'sample_id': str(index)})
            if turn:
                times[key].append((time.perf_counter() - start) / samples)
                frames[key] = (counts['frames'] - before) // samples
    return [{
        'data': key[0], 'mode': key[1], 'what': key[2], 'ms_median': 1e3 * statistics.median(values),
        'ms_min': 1e3 * min(values), 'ms_max': 1e3 * max(values), 'samples_per_second': 1 / statistics.median(values),
        'frames_decoded': frames[key], 'frames_in_file': SECONDS * FPS
    } for key, values in times.items()]


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table for docs/performance.md."""
    head = ('data', 'mode', 'what', 'samples/s, one process', 'ms per sample (lowest-highest)', 'decoded / in file')
    table = [head, ('---', ) * len(head)]
    for row in rows:
        milliseconds = f'{row["ms_median"]:.0f} ({row["ms_min"]:.0f}-{row["ms_max"]:.0f})'
        frames = f'{row["frames_decoded"]} / {row["frames_in_file"]}'
        table.append((row['data'], row['mode'], row['what'], f'{row["samples_per_second"]:.1f}', milliseconds, frames))
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--samples', type=int, default=4)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--json', help='write the numbers to this file')
    parser.add_argument('--doc', help='page to update, docs/performance.md')
    args = parser.parse_args()
    init_default_scope('mmaction')
    np.random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        write_media(Path(folder), args.samples)
        rows = measure(Path(folder), args.samples, args.rounds)
    print('data  mode   what             samples/s   ms (min - max)        frames decoded / in the file')
    for row in rows:
        print(f'{row["data"]:5s} {row["mode"]:6s} {row["what"]:16s} {row["samples_per_second"]:9.2f}   '
              f'{row["ms_median"]:6.1f} ({row["ms_min"]:.1f} - {row["ms_max"]:.1f})   '
              f'{row["frames_decoded"]:4d} / {row["frames_in_file"]}')
    if args.doc:
        replace_between(args.doc, 'data speed', markdown(rows))
    if args.json:
        setting = {'processor': platform.machine(), 'python': platform.python_version(), 'rounds': args.rounds,
                   'samples': args.samples, 'frame': list(SIZE), 'workers': 0}
        Path(args.json).write_text(json.dumps({'setting': setting, 'rows': rows}, indent=1))


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
