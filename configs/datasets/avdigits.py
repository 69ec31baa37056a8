# Written and spoken digits, features of 3000 pairs: a collection of handwriting is a domain. docs/data.md
_base_ = [
    '../_base_/loaders.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

domains = ('mnist', 'optdigits', 'usps')
target_domains = {{'$MMDA_TARGET:None'}} or ('mnist', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('image', 'audio')
num_classes = 10
# As on RAVDESS; nothing was searched here.
strengths = dict(base=0.1, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2, head_width=64)

networks = dict(
    image=dict(
        backbone=dict(type='mmda_ext.MLPBackbone', in_channels=256, hidden_channels=(128, 64), dropout=0.2),
        channels=64),
    audio=dict(
        backbone=dict(type='mmda_ext.MLPBackbone', in_channels=1280, hidden_channels=(128, 64), dropout=0.2),
        channels=64))
fusion = dict(hidden_channels=64, dropout=0.2)

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
