"""The config that MMEngine keeps in each checkpoint is a program."""

from typing import Any

from mmda_ext.compat.checkpoints import TRUSTED, is_on


def ignore_configs_in_checkpoints() -> None:
    """Do not run the config inside a checkpoint.

    Upstream, resuming runs it to look for ``gpu_ids``, a key that nothing has written since version 1, and an
    inferencer that is given weights alone runs it to learn what model they belong to (mmengine 0.10.7).
    """
    from mmengine.infer import BaseInferencer
    from mmengine.runner import Runner
    load, init = Runner.load_checkpoint, BaseInferencer._init_model
    if getattr(load, 'ignores_config', False):
        return

    def load_checkpoint(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = load(self, *args, **kwargs)
        if isinstance(found.get('meta'), dict):
            found['meta'].pop('config', None)
        return found

    def init_model(self: Any, cfg: Any, weights: Any, device: str = 'cpu') -> Any:
        if not cfg and not is_on(TRUSTED):
            raise ValueError(f'{weights}: name the config too; the one inside a checkpoint is a program and is not '
                             f'run. If you trust its origin, set {TRUSTED}=1 and try again')
        return init(self, cfg, weights, device)

    load_checkpoint.ignores_config = True  # type: ignore[attr-defined]
    Runner.load_checkpoint, BaseInferencer._init_model = load_checkpoint, init_model
