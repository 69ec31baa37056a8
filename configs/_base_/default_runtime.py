default_scope = 'mmaction'
custom_imports = dict(imports=['mmda_ext'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Selected on source validation; two are kept to continue from, in case the disk damages one.
    checkpoint=dict(
        type='mmda_ext.LastBestCheckpointHook', interval=1, save_best='acc/top1', rule='greater', max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    visualization=dict(type='mmda_ext.MultimodalVisualizationHook'))

# Recipes add theirs; those of the protocol are added by the tools to every config (docs/training.md).
custom_hooks = []

# nccl where there are GPUs; the tools use gloo on a machine without.
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

log_processor = dict(type='mmda_ext.CompactLogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)

randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)
load_from = None
resume = False
