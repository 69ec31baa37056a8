"""What acts between epochs does the same in both of two processes, and measures what one process would."""

import json

import pytest
import torch

from mmda_ext import compat
from mmda_ext.engine.hooks import DiagnosingRelearningHook, GradientBlendingHook
from tests.test_engine.feature_run import checkpoint, feature_config, mean_losses, run, write_features
from tests.two_processes import run_in_two_processes


def config(folder, work_dir, epochs, super_epoch=2):
    """Both hooks in one run."""
    cfg = feature_config('g-blend', folder, work_dir, epochs)
    cfg.custom_hooks[-1].update(mode='online', super_epoch=super_epoch)
    cfg.custom_hooks.append(dict(type='mmda_ext.DiagnosingRelearningHook', interval=1))
    return cfg


def hook_of(runner, kind):
    return next(hook for hook in runner.hooks if isinstance(hook, kind))


def _run(rank, folder):
    torch.set_num_threads(1)
    cfg = config(folder, folder / 'run', epochs=3)
    cfg.launcher = 'pytorch'
    compat.prepare_cpu_distributed(cfg)
    runner = run(cfg)
    logged = {key: list(map(float, value.data[0])) for key, value in runner.message_hub.log_scalars.items()
              if 'relearning' in key or 'blending' in key}
    # The best weights are loaded by now: the same in both.
    losses = hook_of(runner, GradientBlendingHook)._measure(runner).tolist()
    (folder / f'rank{rank}.json').write_text(json.dumps([logged, losses]))


@pytest.mark.slow
def test_two_processes_agree_with_each_other_and_with_one(tmp_path):
    # 35 training and 9 validation samples: one of each is dealt out twice and must not count twice.
    write_features(tmp_path / 'features.npz', size=65)
    run_in_two_processes(_run, tmp_path)
    (logged, losses), second = (json.loads((tmp_path / f'rank{rank}.json').read_text()) for rank in (0, 1))
    assert [logged, losses] == second
    assert sum(values[0] for key, values in logged.items() if 'weight_' in key) == pytest.approx(1)

    alone = run(config(tmp_path, tmp_path / 'alone', epochs=1))
    assert len(alone.train_dataloader.dataset) % 2 == len(alone.val_dataloader.dataset) % 2 == 1
    alone.model.load_state_dict(checkpoint(tmp_path / 'run', 'epoch_2.pth')['state_dict'])
    for modality, numbers in hook_of(alone, DiagnosingRelearningHook)._diagnose(alone).items():
        for key, value in numbers.items():
            assert logged[f'train/relearning/{key}_{modality}'][0] == pytest.approx(value)
    best = next((tmp_path / 'run').glob('best_*.pth')).name
    alone.model.load_state_dict(checkpoint(tmp_path / 'run', best)['state_dict'])
    torch.testing.assert_close(torch.tensor(losses).double(), mean_losses(alone), rtol=1e-5, atol=1e-6)
