"""``tools/test.py --protocol``: run protocols on a tested model, and leave nothing undone because of one of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmda_ext.apis.explanations import explain
from mmda_ext.choices import choose
from mmda_ext.engine.hooks.records import plain, write_json, write_text
from mmda_ext.engine.hooks.scored_samples import ScoredSamples
from mmda_ext.engine.hooks.test_time_hook import TestTimeHook
from mmda_ext.engine.test_time import build, method_names
from mmda_ext.engine.test_time.base import TestTimeMethod
from mmda_ext.evaluation.protocols import class_name, import_protocols, protocol_names
from mmda_ext.evaluation.protocols.base import Evaluation, Protocol, TestedSamples
from mmda_ext.evaluation.protocols.test_time import TestTime
from mmda_ext.registry import PROTOCOLS, SCOPE

RESULT = 'result.json'
#: Key in `result.json`: protocol -> what came out, or `refused`: why nothing did.
KEY = 'protocols'
#: Key in a config: method of test-time adaptation -> options; and in `result.json`, beside the protocols.
TEST_TIME = 'test_time'
#: Protocols that show what adaptation gains; the others evaluate the model as it is.
ADAPTING = ('corruption', )


def run_protocols(runner: Runner, names: Sequence[str], test_time: Sequence[str] = ()) -> None:
    """Test the model of ``runner``, then adapt it to its test by each method, then evaluate it by each protocol.

    ``<work_dir>/result.json`` gets ``protocols.<name>``, with the checkpoint and the samples that it is of; what else
    the file holds stays. ``<name>.md`` and pictures are written beside it. Each protocol is written before the next
    one begins.

    Args:
        runner (Runner): Whose checkpoint is to be tested.
        names (Sequence[str]): Protocols, in order.
        test_time (Sequence[str]): Methods of test-time adaptation, in order.

    Raises:
        ValueError: After all others are done, if one could not be; in one sentence each. At once, if an option is wrong
            or the config itself adapts the test.
    """
    import_protocols()
    if any(isinstance(hook, TestTimeHook) for hook in runner.hooks):
        raise ValueError(f'--protocol and --test-time compare with the model as it is, and `custom_hooks` of '
                         f'{runner.cfg.filename} adapt it with TestTimeHook: take the hook out')
    protocols = _build(runner.cfg, names)
    if test_time:
        protocols = {TEST_TIME: TestTime(_methods(runner.cfg, test_time, names)), **protocols}
    tested = TestedSamples()
    runner.register_hook(tested)
    evaluation = Evaluation(runner, tested.outputs, runner.test())
    about = _about(runner, tested)
    refused: list[str] = []
    done: list[str] = []
    for name, protocol in protocols.items():
        asked = '--test-time' if name == TEST_TIME else f'--protocol {name}'
        try:
            outcome = plain(protocol.evaluate(evaluation))
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                raise
            refused.append(f'{asked}: {sentence}')
            _record(evaluation.work_dir, name, {**about, 'refused': sentence})
            continue
        _record(evaluation.work_dir, name, {**about, **outcome})
        _show(evaluation.work_dir, name, protocol, outcome)
        done += outcome.get('methods', [name])
        if name == TEST_TIME:  # methods are asked for by name, what stands for missing modalities is not
            refused += [f'--test-time {method}: {sentence}' for method, sentence in outcome['not_done'].items()]
    if refused:
        raise ValueError('; '.join(refused) + (f' (done: {", ".join(done)})' if done else ''))


def _build(cfg: Config, names: Sequence[str]) -> dict[str, Protocol]:
    options = cfg.get(KEY) or {}
    for name in options:
        choose(f'a name in {KEY}', name, protocol_names(), str(cfg.filename))
    return {name: PROTOCOLS.build({**options.get(name, {}), 'type': class_name(name), '_scope_': SCOPE})
            for name in names}


def _methods(cfg: Config, test_time: Sequence[str], names: Sequence[str]) -> dict[str, TestTimeMethod]:
    others = [name for name in names if name not in ADAPTING]
    if others:
        raise ValueError(f'--test-time adapts the test and --protocol {", ".join(ADAPTING)}; {", ".join(others)} '
                         'evaluates the model as it is: run it without --test-time')
    options = cfg.get(TEST_TIME) or {}
    if not isinstance(options, Mapping):
        raise ValueError(f'{cfg.filename}: {TEST_TIME}={options!r} must be a dict of options for each method, such as '
                         'dict(tent=dict(lr=0.001))')
    for name, own in options.items():
        choose(f'a name in {TEST_TIME}', name, method_names(), str(cfg.filename))
        if not isinstance(own, Mapping):
            raise ValueError(f'{cfg.filename}: {TEST_TIME}.{name}={own!r} must be a dict of options')
    return {name: build(name, **options.get(name, {})) for name in test_time}


def _about(runner: Runner, tested: TestedSamples) -> dict[str, Any]:
    """What a protocol's numbers are of."""
    samples = ScoredSamples()
    samples.add(tested.outputs)
    return {'checkpoint': Path(str(runner.cfg.load_from)).name, 'test_set': samples.summary(runner.test_loop)}


def _record(folder: Path, name: str, outcome: dict[str, Any]) -> None:
    if not is_main_process():
        return
    result = folder / RESULT
    content = _read(result)
    write_json(result, {**content, KEY: {**content.get(KEY, {}), name: outcome}})


def _read(result: Path) -> dict[str, Any]:
    """What the training, or earlier protocols, left.

    Raises:
        ValueError: If the file is there and damaged.
    """
    if not result.is_file():
        return {}
    try:
        content = json.loads(result.read_text(encoding='utf-8'))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get(KEY, {}), dict):
        raise ValueError(f'{result} is damaged, so that the protocols cannot be added to it: move it away, or name '
                         'another folder with --work-dir')
    return content


def _show(folder: Path, name: str, protocol: Protocol, outcome: dict[str, Any]) -> None:
    if not is_main_process():
        return
    table = protocol.table(outcome)
    write_text(folder / f'{name}.md', table)
    try:
        pictures = protocol.draw(outcome, folder)
    except ImportError as error:
        print(f'--protocol {name}: no picture, pip install matplotlib ({error})')
        pictures = ()
    written = [folder / RESULT, folder / f'{name}.md', *pictures]
    print(f'\n{name}\n\n{table}\nwritten: {", ".join(map(str, written))}', flush=True)
