# Samples of a feature file. The files features_*.py add the file, the modalities and the domains.
pipeline = [dict(type='mmda_ext.PackMultimodalInputs')]
loader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    worker_init_fn=dict(type='mmda_ext.seed_worker'),
    collate_fn=dict(type='pseudo_collate'))
train_dataloader = dict(
    **loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='mmda_ext.FeatureDataset', split='train', pipeline=pipeline))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='mmda_ext.FeatureDataset', split='val', pipeline=pipeline, test_mode=True))
test_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='mmda_ext.FeatureDataset', split='test', pipeline=pipeline, test_mode=True))

val_evaluator = dict(type='mmda_ext.DomainAccuracy')
test_evaluator = val_evaluator
