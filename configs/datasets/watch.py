# Seven exercises seen by a smart watch, 2229 windows: an arm of half of the people is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('left-01-05', 'left-06-10', 'right-01-05', 'right-06-10')
target_domains = {{'$MMDA_TARGET:None'}} or ('left-01-05', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('acceleration', 'gyroscope')
num_classes = 7

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(acceleration=60, gyroscope=60).items()
}

# Windows overlap, so whole recordings validate.
dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/watch/watch.npz',
    modalities=modalities,
    grouped=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
