# Source: handwriting of MNIST with labels. Target: USPS, 80 % of each class trains without labels, 20 % is held out.
_base_ = ['./features_avdigits.py']

source_domains = ('mnist', )
target_domains = ('usps', )
features = dict(
    type='mmda_ext.FeatureDataset', pipeline=[dict(type='mmda_ext.PackMultimodalInputs')],
    ann_file='data/av_digits/av_digits.npz', modalities=('image', 'audio'), flatten=True,
    source_domains=source_domains, target_test_fraction=0.2, unlabeled_target=True)
train_dataloader = dict(
    batch_size=32,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=16, n_target=16),
    dataset=dict(
        _delete_=True,
        type='mmengine.ConcatDataset',
        ignore_keys=['domains'],
        datasets=[
            dict(**features, split='train', domains=source_domains),
            dict(**features, split='train', domains=target_domains),
        ]))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(
    dataset=dict(domains=target_domains, source_domains=source_domains, split='all', target_test_fraction=0.2))

# The plain keys count what was held out, `..._transductive` all of the target.
test_evaluator = [
    dict(type='mmda_ext.DomainAccuracy', inductive_split='test'),
    dict(type='mmda_ext.WeightedF1', inductive_split='test'),
]
