# RAVDESS, features of 1440 acted clips: a group of six actors is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('actors01-06', 'actors07-12', 'actors13-18', 'actors19-24')
target_domains = {{'$MMDA_TARGET:None'}} or ('actors01-06', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('face', 'audio')
num_classes = 8
# Chosen on source validation (docs/results/ravdess).
strengths = dict(gmp=0.3)

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(face=35, audio=116).items()
}

dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/ravdess_av/ravdess_av.npz',
    modalities=modalities,
    flatten=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
