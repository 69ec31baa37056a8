# Late departures of 2013, 3000 flights: an airport of New York is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('EWR', 'JFK', 'LGA')
target_domains = {{'$MMDA_TARGET:None'}} or ('EWR', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('schedule', 'weather', 'aircraft')
num_classes = 2

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(schedule=11, weather=6, aircraft=7).items()
}

# Flights of a day share its weather, so whole days validate.
dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/flights/flights.npz',
    modalities=modalities,
    grouped=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
