# EPIC-Kitchens, folders of frames, in the splits of MM-SADA: a kitchen is a domain. docs/data.md
_base_ = [
    '../_base_/networks/slowfast-kinetics.py',
    '../_base_/loaders.py',
    '../_base_/schedules/adam_20e.py',
    '../_base_/default_runtime.py',
]

domains = ('D1', 'D2', 'D3')
target_domains = {{'$MMDA_TARGET:None'}} or ('D1', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('video', 'audio')
num_classes = 8
strengths = dict(base=0.5, cmrf_start=400)

clips = dict(video=dict(clip_len=32, frame_interval=2), flow=dict(clip_len=8, frame_interval=4))
train_decoding = dict(
    flow=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='RandomResizedCrop'),
        dict(type='Resize', scale=(224, 224), keep_ratio=False),
        dict(type='mmda_ext.FlipFlow', flip_ratio=0.5),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    video=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='RandomResizedCrop'),
        dict(type='Resize', scale=(224, 224), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=[
        dict(type='mmda_ext.LoadAudio'),
        dict(type='mmda_ext.LogSpectrogram'),
        dict(type='mmda_ext.SpectrogramAugment'),
    ])
test_decoding = dict(
    flow=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='CenterCrop', crop_size=256),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    video=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='CenterCrop', crop_size=224),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=[
        dict(type='mmda_ext.LoadAudio'),
        dict(type='mmda_ext.LogSpectrogram'),
    ])
sampling = dict(
    type='mmda_ext.SampleAlignedClips', clips={name: clips[name] for name in clips if name in modalities})
train_pipeline = [
    sampling,
    dict(type='mmda_ext.PerModality', **{name: train_decoding[name] for name in train_decoding if name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    dict(**sampling, test_mode=True),
    dict(type='mmda_ext.PerModality', **{name: test_decoding[name] for name in test_decoding if name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(
    type='mmda_ext.EpicKitchensDataset',
    ann_dir='data/epic_kitchens/MM-SADA_Domain_Adaptation_Splits/',
    data_root='data/epic_kitchens/',
    layout='frames',
    modalities=modalities,
    source_domains=source_domains)
train_dataloader = dict(dataset=dict(**dataset, domains=source_domains, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, domains=source_domains, split='test', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, domains=target_domains, split='test', pipeline=test_pipeline))
