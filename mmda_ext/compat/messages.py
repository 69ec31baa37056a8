"""What the stack says that a user can do nothing about."""

import logging
import warnings


def hush_import_warnings() -> None:
    """Hide what importing the stack prints and what a user can do nothing about."""
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
    # WavLM of transformers, at every new shape of a batch.
    warnings.filterwarnings('ignore', message='Support for mismatched key_padding_mask and attn_mask is deprecated')


def hush_parameter_lists() -> None:
    """``paramwise_cfg`` makes MMEngine log every parameter, frozen ones as warnings; now at DEBUG (mmengine #262)."""
    from mmengine.logging import print_log
    from mmengine.optim.optimizer import default_constructor as module
    module.print_log = lambda text, logger=None, level=0: print_log(text, logger, logging.DEBUG)
