# The samples of any table (docs/own_data.md), named by `--dataset FILE.csv`: a row for each sample, a column of files
# or texts for each modality. What is in them is guessed, and printed.
_base_ = ['../_base_/media.py']

from mmda_ext.datasets.table_guess import describe

file = describe('{{$MMDA_FILE:unnamed.csv}}')
domains = file.domains
target_domains = {{'$MMDA_TARGET:None'}} or domains[:1]
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or tuple(file.kinds)
num_classes = file.num_classes
has_split = file.has_split
guessed = file.say(modalities, {name: kind['words'] for name, kind in _base_._kinds.items()})

networks = {name: _base_._kinds[kind]['network'] for name, kind in file.kinds.items()}
train_steps = {name: _base_._kinds[file.kinds[name]]['train'] for name in modalities}
test_steps = {name: _base_._kinds[file.kinds[name]]['test'] for name in modalities}
# Widths of arrays, and their scale; lengths of sound.
networks |= {
    name: dict(
        backbone=dict(type='mmda_ext.SequenceBackbone', sequence=dict(_base_._convolutions, in_channels=width)),
        channels=64,
        preprocessor=dict(
            type='mmda_ext.PaddingPreprocessor',
            **(file.scale(name, source_domains) if name in modalities and source_domains else {})))
    for name, width in file.channels.items()
}
arrays = {name: [dict(type='mmda_ext.LoadArray', channels=width)] for name, width in file.channels.items()}
sounds = {
    name: [_base_._sound[0], dict(type='mmda_ext.LogSpectrogram', num_seconds=seconds)]
    for name, seconds in file.seconds.items()
}
train_steps |= arrays | {name: [*steps, dict(type='mmda_ext.SpectrogramAugment')] for name, steps in sounds.items()}
test_steps |= arrays | sounds

packing = dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities)
train_pipeline = [dict(type='mmda_ext.PerModality', **{name: train_steps[name] for name in modalities}), packing]
test_pipeline = [dict(type='mmda_ext.PerModality', **{name: test_steps[name] for name in modalities}), packing]
dataset = dict(
    type='mmda_ext.TableDataset',
    ann_file=file.path,
    modalities=modalities,
    kinds={name: file.kinds[name] for name in modalities},
    source_domains=source_domains,
    pipeline=train_pipeline)
if file.grouped:
    dataset['grouped'] = True
train_dataloader = dict(num_workers=2, dataset=dict(**dataset, domains=source_domains, split='train'))
val_dataloader = dict(
    num_workers=2, dataset=dict(dataset, domains=source_domains, split='val', pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=2, dataset=dict(dataset, domains=target_domains, split='test', pipeline=test_pipeline))
# Helpers that are no part of a config.
del file
