# Loaders and metrics that all data share; a dataset adds what to read and of which domains.
loader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=False,
    worker_init_fn=dict(type='mmda_ext.seed_worker'),
    collate_fn=dict(type='pseudo_collate'))
train_dataloader = dict(**loader, drop_last=True, sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(**loader, sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmda_ext.DomainAccuracy')
test_evaluator = val_evaluator
