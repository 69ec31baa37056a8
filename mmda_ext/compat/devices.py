"""Machines without an accelerator."""

import warnings
from typing import Any


def allow_cpu_amp() -> None:
    """``AmpOptimWrapper`` refuses to be built without an accelerator although bfloat16 autocast works on a CPU.

    The gradient scaler switches itself off there, which is right: bfloat16 needs none.
    """
    from mmengine.optim.optimizer import amp_optimizer_wrapper as module
    if has_accelerator() or not hasattr(module, 'is_cuda_available'):
        return
    module.is_cuda_available = lambda: True
    for message in ('.*GradScaler is enabled, but CUDA is not available', '.*GradScaler.* is deprecated'):
        warnings.filterwarnings('ignore', message=message)


def recurrent(layer: Any, x: Any) -> Any:
    """What an LSTM or GRU gives for ``x``; on a CPU in the precision of its weights, also under autocast.

    torch 2.13 sends bfloat16 to oneDNN, which has such layers for some processors only ("could not create a primitive
    descriptor", pytorch/pytorch#187334).
    """
    import torch
    if x.device.type != 'cpu':
        return layer(x)
    with torch.autocast('cpu', enabled=False):
        return layer(x.to(next(layer.parameters()).dtype))


def has_accelerator() -> bool:
    """Whether MMEngine would place a model on anything but the CPU."""
    from mmengine.device import get_device
    return get_device() != 'cpu'


def end_together(launcher: str) -> None:
    """Wait for the other processes of a run that has ended well, and close their group.

    MMEngine (0.10.7) leaves the group open; a process that ends while another still speaks to it is then aborted by
    gloo ("terminate called without an active exception"), and NCCL warns.
    """
    import torch.distributed as dist
    if launcher != 'none' and dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def prepare_cpu_distributed(cfg: Any) -> None:
    """Make ``launcher='pytorch'`` work on a machine without an accelerator.

    MMEngine 0.10.7 always calls ``torch.cuda.set_device`` and always passes ``device_ids``; so open the process group
    here (the runner then skips its own) and name ``device_ids`` in the config.
    """
    import torch.distributed as dist
    if has_accelerator() or not dist.is_available():
        return
    if not dist.is_initialized():
        dist.init_process_group('gloo')
    wrapper = dict(cfg.get('model_wrapper_cfg') or {})
    if wrapper.setdefault('type', 'MMDistributedDataParallel') == 'MMDistributedDataParallel':
        # With a wrapper config, the runner no longer fills in these two.
        wrapper.setdefault('broadcast_buffers', False)
        wrapper.setdefault('find_unused_parameters', cfg.get('find_unused_parameters', False))
    wrapper['device_ids'] = None
    cfg['model_wrapper_cfg'] = wrapper
