# The samples of any feature file (docs/own_data.md), named by `--dataset FILE.npz`: modalities, widths, domains and
# classes are those of the file. Vectors get an MLP, sequences (T, D) convolutions over time.
_base_ = ['../_base_/feature_vectors.py']

from mmda_ext.datasets.feature_file import describe

file = describe('{{$MMDA_FILE:unnamed.npz}}')
domains = file.domains
target_domains = {{'$MMDA_TARGET:None'}} or domains[:1]
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or tuple(file.shapes)
num_classes = file.num_classes
has_split = file.has_split

sequences = dict(type='mmda_ext.TextCNN', out_channels=64, channels=64, dropout=0.2)
networks = {
    name: dict(
        backbone=dict(type='mmda_ext.SequenceBackbone', sequence=dict(sequences, in_channels=shape[-1]))
        if len(shape) == 2 else dict(_base_._mlp, in_channels=file.sizes[name]),
        channels=64)
    for name, shape in file.shapes.items()
}

dataset = dict(
    type='mmda_ext.FeatureDataset',
    ann_file=file.path,
    modalities=modalities,
    source_domains=source_domains,
    pipeline=[dict(type='mmda_ext.PackMultimodalInputs')])
if file.has_groups and not file.has_split:
    dataset['grouped'] = True
train_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(num_workers=0, dataset=dict(**dataset, domains=target_domains, split='test'))
# Helpers that are no part of a config.
del file
