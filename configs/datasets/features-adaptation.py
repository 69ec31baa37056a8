# As features.py or table.py: sources with labels; of the target, 80 % of each class train without labels and 20 % are
# held out, or what the file's `split` says. Chosen by itself for methods that adapt.
_base_ = ['{{$MMDA_OWN:./features.py}}']

adapts = True
target_domains = _base_.target_domains
source_domains = _base_.source_domains
# As on RAVDESS; nothing was searched here.
strengths = dict(dann=0.3, boomda='auto', uniform=0.01)

held_out = None if _base_.has_split else 0.2
training = dict(
    _base_.dataset, source_domains=source_domains, split='train', target_test_fraction=held_out, unlabeled_target=True)
train_dataloader = dict(
    batch_size=32,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[dict(training, domains=source_domains), dict(training, domains=target_domains)]))
test_dataloader = dict(dataset=dict(split='all', target_test_fraction=held_out))
# The plain keys count what was held out, `..._transductive` all of the target.
test_evaluator = [
    dict(type='mmda_ext.DomainAccuracy', inductive_split='test'),
    dict(type='mmda_ext.WeightedF1', inductive_split='test'),
]
auto_scale_lr = dict(base_batch_size=32)
