# Written and spoken digits, features of 3000 pairs: a collection of handwriting is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('mnist', 'optdigits', 'usps')
target_domains = {{'$MMDA_TARGET:None'}} or ('mnist', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('image', 'audio')
num_classes = 10

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(image=256, audio=1280).items()
}

dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/av_digits/av_digits.npz',
    modalities=modalities,
    flatten=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
