"""Random numbers that depend on the epoch, not on what ran before it."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmda_ext.engine.random_state import seed_epoch
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Reseed Python, NumPy and torch from (seed, epoch, rank) before each training epoch.

    MMEngine's checkpoints hold no state of random number generators, so a run with dropout or augmentation continues
    differently after ``--resume``. With this hook an interrupted run that is resumed equals the uninterrupted one bit
    for bit, given ``persistent_workers=False`` and ``worker_init_fn=dict(type='mmda_ext.seed_worker')`` where workers
    draw random numbers. For loops that count iterations instead of epochs, only the start of the run is seeded.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        if getattr(loader, 'num_workers', 0) and getattr(loader, 'persistent_workers', False):
            runner.logger.warning(
                'train_dataloader has persistent_workers=True: its workers keep their own random state, so a resumed '
                'run will not repeat the uninterrupted one exactly; set persistent_workers=False if that matters')

    def before_train_epoch(self, runner: Runner) -> None:
        seed_epoch(runner.seed, runner.epoch)
