# The samples of any feature file (docs/own_data.md), named by `--dataset FILE.npz`: modalities, widths, domains and
# classes are those of the file. Vectors get an MLP, sequences (T, D) convolutions over time.
_base_ = [
    '../_base_/loaders.py',
    '../_base_/schedules/adam_features.py',
    '../_base_/default_runtime.py',
]

from mmda_ext.datasets.feature_file import describe

file = describe('{{$MMDA_FILE:unnamed.npz}}')
domains = file.domains
target_domains = {{'$MMDA_TARGET:None'}} or domains[:1]
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or tuple(file.shapes)
num_classes = file.num_classes
# As on RAVDESS; nothing was searched here.
strengths = dict(base=0.1, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2, head_width=64)

vectors = dict(type='mmda_ext.MLPBackbone', hidden_channels=(128, 64), dropout=0.2)
sequences = dict(type='mmda_ext.TextCNN', out_channels=64, channels=64, dropout=0.2)
networks = {
    name: dict(
        backbone=dict(type='mmda_ext.SequenceBackbone', sequence=dict(sequences, in_channels=shape[-1]))
        if len(shape) == 2 else dict(vectors, in_channels=file.sizes[name]),
        channels=64)
    for name, shape in file.shapes.items()
}
fusion = dict(hidden_channels=64, dropout=0.2)

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
