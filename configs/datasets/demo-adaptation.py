# As demo-source.py, with as many samples of the target in each batch, without labels; for going on from its weights.
_base_ = ['./demo-source.py']

adapts = True
train_dataloader = dict(
    batch_size=16,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=8, n_target=8),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[
            _base_.train_dataloader.dataset,
            dict(
                _base_.train_dataloader.dataset, domains=_base_.target_domains, split='all', unlabeled_target=True),
        ]))
train_cfg = dict(max_epochs=5)
auto_scale_lr = dict(base_batch_size=16)
