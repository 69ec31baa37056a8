# Pressure of an accumulator in a test rig, 2205 cycles: a state of the cooler is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('cooler003', 'cooler020', 'cooler100')
target_domains = {{'$MMDA_TARGET:None'}} or ('cooler003', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('flow', 'efficiency', 'temperature', 'vibration')
num_classes = 4

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(flow=48, efficiency=24, temperature=96, vibration=24).items()
}

# A cycle nearly repeats the one before it, so whole blocks of cycles validate.
dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/hydraulic/hydraulic.npz',
    modalities=modalities,
    grouped=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
