# Human, Animal, Cartoon: each kind of actor is a domain. docs/data.md
_base_ = [
    '../_base_/networks/slowfast-kinetics.py',
    '../_base_/loaders.py',
    '../_base_/schedules/adam_20e.py',
    '../_base_/default_runtime.py',
]

domains = ('human', 'animal', 'cartoon')
target_domains = {{'$MMDA_TARGET:None'}} or ('human', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('video', 'audio')
num_classes = 7
strengths = dict(base=0.5, cmrf_start=100)

opening = dict(video=[dict(type='mmda_ext.OpenVideo')], flow=[dict(type='mmda_ext.OpenFlow')])
clips = dict(video=dict(clip_len=32, frame_interval=2), flow=dict(clip_len=8, frame_interval=4))
train_decoding = dict(
    flow=[
        dict(type='mmda_ext.DecodeFlow'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='RandomResizedCrop'),
        dict(type='Resize', scale=(224, 224), keep_ratio=False),
        dict(type='mmda_ext.FlipFlow', flip_ratio=0.5),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    video=[
        dict(type='mmda_ext.DecodeVideo'),
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
        dict(type='mmda_ext.DecodeFlow'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='CenterCrop', crop_size=256),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    video=[
        dict(type='mmda_ext.DecodeVideo'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='CenterCrop', crop_size=224),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=[
        dict(type='mmda_ext.LoadAudio'),
        dict(type='mmda_ext.LogSpectrogram'),
    ])
# Sound of the frames that were chosen; of the whole file where there are no frames.
visual = [name for name in opening if name in modalities]
follow = dict(audio=dict(reference=visual[0], fps=24.0)) if visual and 'audio' in modalities else None
opened = [dict(type='mmda_ext.PerModality', **{name: opening[name] for name in visual})] if visual else []
# The last frame is never sampled, indices are shifted by one and sound assumes 24 frames per second, as published.
sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips={name: clips[name] for name in visual},
    drop_last_frames=1,
    index_shift=-1,
    follow=follow)
train_pipeline = [
    *opened,
    sampling,
    dict(type='mmda_ext.PerModality', **{name: train_decoding[name] for name in train_decoding if name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    *opened,
    dict(**sampling, test_mode=True),
    dict(type='mmda_ext.PerModality', **{name: test_decoding[name] for name in test_decoding if name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(
    type='mmda_ext.HACDataset',
    ann_dir='data/hac/splits/',
    data_root='data/hac/',
    modalities=modalities,
    source_domains=source_domains)
train_dataloader = dict(dataset=dict(**dataset, domains=source_domains, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, domains=source_domains, split='test', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, domains=target_domains, split='all', pipeline=test_pipeline))
