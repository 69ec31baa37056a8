# As hydraulic.py: cycles with a sound cooler have labels; of those with one close to failure, 80 % of the blocks of
# each class train without labels and 20 % are held out.
_base_ = ['./hydraulic.py']

adapts = True
target_domains = {{'$MMDA_TARGET:None'}} or ('cooler003', )
source_domains = {{'$MMDA_SOURCES:None'}} or ('cooler100', )
# As on RAVDESS; nothing was searched here.
strengths = dict(dann=0.3, boomda='auto', uniform=0.01)

training = dict(
    _base_.dataset, source_domains=source_domains, split='train', target_test_fraction=0.2, unlabeled_target=True)
train_dataloader = dict(
    batch_size=32,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[dict(training, domains=source_domains), dict(training, domains=target_domains)]))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(
    dataset=dict(domains=target_domains, source_domains=source_domains, split='all', target_test_fraction=0.2))
# The plain keys count what was held out, `..._transductive` all of the target.
test_evaluator = [
    dict(type='mmda_ext.DomainAccuracy', inductive_split='test'),
    dict(type='mmda_ext.WeightedF1', inductive_split='test'),
]
auto_scale_lr = dict(base_batch_size=32)
