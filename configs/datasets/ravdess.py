# RAVDESS, features of 1440 acted clips: a group of six actors is a domain. docs/data.md
_base_ = [
    '../_base_/loaders.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

domains = ('actors01-06', 'actors07-12', 'actors13-18', 'actors19-24')
target_domains = {{'$MMDA_TARGET:None'}} or ('actors01-06', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('face', 'audio')
num_classes = 8
# Strengths of Base and GMP were chosen on source validation (docs/results/ravdess). MLPs train as a whole: splitting
# needs a bound, linear layers have rank 2, and heads of video's width (2048) would make a step cost 35 to 90 of Base.
strengths = dict(base=0.1, gmp=0.3, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2, head_width=64)

networks = dict(
    face=dict(
        backbone=dict(type='mmda_ext.MLPBackbone', in_channels=35, hidden_channels=(128, 64), dropout=0.2),
        channels=64),
    audio=dict(
        backbone=dict(type='mmda_ext.MLPBackbone', in_channels=116, hidden_channels=(128, 64), dropout=0.2),
        channels=64))
fusion = dict(hidden_channels=64, dropout=0.2)

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
