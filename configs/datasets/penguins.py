# Sex of 324 penguins: a species is a domain. docs/data.md
_base_ = [
    '../_base_/loaders.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

domains = ('adelie', 'chinstrap', 'gentoo')
target_domains = {{'$MMDA_TARGET:None'}} or ('adelie', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('bill', 'body', 'isotopes')
num_classes = 2
# As on RAVDESS; nothing was searched here.
strengths = dict(base=0.1, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2)

networks = {
    name: dict(
        backbone=dict(type='mmda_ext.MLPBackbone', in_channels=width, hidden_channels=(128, 64), dropout=0.2),
        channels=64)
    for name, width in dict(bill=2, body=2, isotopes=2).items()
}
fusion = dict(hidden_channels=64, dropout=0.2)

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
