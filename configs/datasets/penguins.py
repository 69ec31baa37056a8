# Sex of 324 penguins: a species is a domain. docs/data.md
_base_ = ['../_base_/feature_vectors.py']

domains = ('adelie', 'chinstrap', 'gentoo')
target_domains = {{'$MMDA_TARGET:None'}} or ('adelie', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('bill', 'body', 'isotopes')
num_classes = 2

networks = {
    name: dict(backbone=dict(_base_._mlp, in_channels=width), channels=64)
    for name, width in dict(bill=2, body=2, isotopes=2).items()
}

# The birds of a nest are measured together, so whole nests validate.
dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file='data/penguins/penguins.npz',
    modalities=modalities,
    grouped=True,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
