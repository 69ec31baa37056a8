"""Turn a release into the neutral form; may be stopped at any time and goes on where it was."""

import hashlib
import json
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mmda_ext.datasets.emotion.detectors import find_detector
from mmda_ext.datasets.emotion.halves import DOMAINS, assign, count_parts
from mmda_ext.datasets.emotion.media import MediaOptions, Outcome, process_recording
from mmda_ext.datasets.emotion.records import Problem, Release, Utterance
from mmda_ext.datasets.emotion.table import Row, format_table
from mmda_ext.datasets.synthetic.writer import write_text
from mmda_ext.file_names import check_inside
from mmda_ext.folder_lock import LOCK_NAME, lock_folder

JOURNAL, MANIFEST = 'journal.jsonl', 'manifest.json'
FORMAT_VERSION = 1
#: Called with the number of finished and of all utterances.
Progress = Callable[[int, int], None]


def prepare(release: Release, out: Path, options: MediaOptions, split: str = 'random', seed: int = 0, workers: int = 1,
            progress: Progress | None = None) -> dict[str, Any]:
    """Write faces, sound, the two tables and the manifest.

    Media that are there already stay. The split may be changed later at no cost: only the tables are written again.

    Args:
        release (Release): What a reader returned.
        out (Path): Folder; new, or one made from the same release with the same options.
        options (MediaOptions): What is written for an utterance.
        split (str): See ``assign``.
        seed (int): Of the split.
        workers (int): Processes; has no influence on what is written.
        progress (Callable | None): Called after every recording.

    Returns:
        dict: The manifest.

    Raises:
        FileExistsError: If the folder holds other files, or media made otherwise, or another process writes there.
        ValueError: If an option is unknown, no utterance is left, or the name of one leaves the folder.
    """
    find_detector(options.detector)
    for item in release.classified:
        check_inside(item.id, f'utterance of {release.root}')
    with lock_folder(out):
        return _prepare(release, out, options, split, seed, workers, progress)


def _prepare(release: Release, out: Path, options: MediaOptions, split: str, seed: int, workers: int,
             progress: Progress | None) -> dict[str, Any]:
    print_ = _fingerprint(release, options)
    done = _open_journal(out, print_)
    todo = _recordings([item for item in release.classified if item.id not in done])
    total = len(release.classified)
    with (out / JOURNAL).open('a', encoding='utf-8') as journal:
        for outcomes in _run(todo, out, options, workers):
            for outcome in outcomes:
                done[outcome.id] = outcome
                journal.write(json.dumps(outcome.as_dict()) + '\n')
            journal.flush()
            if progress is not None:
                progress(len(done), total)
    return _write_tables(release, out, options, split, seed, done)


def _fingerprint(release: Release, options: MediaOptions) -> str:
    text = json.dumps([FORMAT_VERSION, str(release.root.resolve()), asdict(options)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _open_journal(out: Path, fingerprint: str) -> dict[str, Outcome]:
    """Outcomes that are known; the first line of the journal says of which release and options they are."""
    path = out / JOURNAL
    if not path.exists():
        if any(path.name != LOCK_NAME for path in out.iterdir()):
            raise FileExistsError(f'{out} has files but no {JOURNAL}: name an empty or a new folder')
        write_text(path, json.dumps({'fingerprint': fingerprint}) + '\n')
        return {}
    lines = path.read_bytes().split(b'\n')
    if lines[-1]:
        # Cut off by a crash: that line's utterance is done again.
        path.write_bytes(b'\n'.join(lines[:-1]) + b'\n')
    records = [json.loads(line) for line in lines[:-1] if line]
    if not records or records[0].get('fingerprint') != fingerprint:
        raise FileExistsError(f'{out} was made from another release or with other options for faces and modalities: '
                              'name another folder or remove this one')
    found = [Outcome(**record) for record in records[1:]]
    # What was missing may have been put in its place since.
    return {item.id: item for item in found if not item.missing}


def _recordings(utterances: list[Utterance]) -> list[list[Utterance]]:
    """Turns by video, so that a dialogue is decoded once."""
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for item in utterances:
        groups[item.video_path or item.id].append(item)
    return list(groups.values())


def _run(todo: list[list[Utterance]], out: Path, options: MediaOptions, workers: int) -> Iterator[list[Outcome]]:
    if workers <= 1:
        yield from (process_recording(turns, out, options) for turns in todo)
        return
    # Forking is not safe once OpenCV has started threads. Ctrl-C reaches every process; the first one decides.
    with ProcessPoolExecutor(workers, get_context('spawn'), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        futures = [pool.submit(process_recording, turns, out, options) for turns in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _write_tables(release: Release, out: Path, options: MediaOptions, split: str, seed: int,
                  done: dict[str, Outcome]) -> dict[str, Any]:
    kept = [item for item in release.classified if not done[item.id].missing]
    manifest = _manifest(release, options, done)
    if not kept:
        write_text(out / MANIFEST, json.dumps(manifest, indent=1) + '\n')
        raise ValueError(f'no utterance of {release.root} is left, the reasons are in {out / MANIFEST}: '
                         f'{manifest["problem_counts"]}')
    places = assign(kept, split, seed)
    for domain in DOMAINS:
        rows = [_row(item, places[item.id][1], options, done[item.id]) for item in kept if places[item.id][0] == domain]
        write_text(out / f'{domain}.csv', format_table(rows))
    manifest.update(split={'kind': split, 'seed': seed}, kept=len(kept), parts=count_parts(kept, places))
    write_text(out / MANIFEST, json.dumps(manifest, indent=1) + '\n')
    return manifest


def _row(item: Utterance, part: str, options: MediaOptions, outcome: Outcome) -> Row:
    has_faces, has_sound = 'face' in options.modalities, 'speech' in options.modalities
    return Row(
        utterance=item.id, label=str(item.label), text=item.text or '', speaker=item.speaker, session=item.session,
        split=part, faces=f'faces/{item.id}' if has_faces else '', wav=f'wav/{item.id}.wav' if has_sound else '',
        num_faces=str(outcome.num_faces) if has_faces else '', dialog=item.dialog, raw_label=item.raw_label,
        start=f'{item.start:g}', end='' if item.end is None else f'{item.end:g}')


def _manifest(release: Release, options: MediaOptions, done: dict[str, Outcome]) -> dict[str, Any]:
    problems = list(release.problems)
    for item in release.classified:
        outcome = done[item.id]
        problems += [Problem(f'skipped: {kind}', item.id, detail) for kind, detail in outcome.missing]
        problems += [Problem(kind, item.id, detail) for kind, detail in outcome.notes]
    return {
        'format': FORMAT_VERSION, 'release': str(release.root.resolve()), 'options': asdict(options),
        'labels': dict(Counter(item.raw_label for item in release.utterances)),
        'classes': dict(Counter(str(item.label) for item in release.classified)),
        'skipped': sum(bool(done[item.id].missing) for item in release.classified),
        'differences': release.differences,
        'problem_counts': dict(Counter(problem.kind for problem in problems)),
        'problems': [str(problem) for problem in problems]}
