# MOOSA's open-set adaptation on EPIC-Kitchens: one labelled kitchen without `close`; the other one trains without
# labels, with all classes. docs/open_set.md
_base_ = ['./epic.py']

adapts = True
unknown_classes = ['close']
unknown_in_target = True
target_domains = {{'$MMDA_TARGET:None'}} or ('D1', )
source_domains = {{'$MMDA_SOURCES:None'}} or ('D2', )

training = dict(
    _base_.dataset,
    source_domains=source_domains,
    split='train',
    pipeline=_base_.train_pipeline,
    unlabeled_target=True)
# The shorter list cycles.
train_dataloader = dict(
    batch_size=32,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16, length='longest'),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[dict(training, domains=source_domains), dict(training, domains=target_domains)]))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=target_domains, source_domains=source_domains))
auto_scale_lr = dict(base_batch_size=32)
