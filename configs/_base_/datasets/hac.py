# Human, Animal, Cartoon, video and audio. The files hac_to-*.py add the domains.
data_root = 'data/hac/'
ann_dir = 'data/hac/splits/'
modalities = ('video', 'audio')
num_classes = 7

# The last frame is never sampled, indices are shifted by one and sound assumes 24 frames per second, as published.
sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips=dict(video=dict(clip_len=32, frame_interval=2)),
    drop_last_frames=1,
    index_shift=-1,
    follow=dict(audio=dict(reference='video', fps=24.0)))
train_decoding = dict(
    type='mmda_ext.PerModality',
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
train_pipeline = [
    dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')]),
    sampling,
    train_decoding,
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_decoding = dict(
    type='mmda_ext.PerModality',
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
test_pipeline = [
    dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')]),
    dict(**sampling, test_mode=True),
    test_decoding,
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(type='mmda_ext.HACDataset', ann_dir=ann_dir, data_root=data_root, modalities=modalities)
loader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=False,
    worker_init_fn=dict(type='mmda_ext.seed_worker'),
    collate_fn=dict(type='pseudo_collate'))
train_dataloader = dict(
    **loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='all', pipeline=test_pipeline, test_mode=True))

val_evaluator = dict(type='mmda_ext.DomainAccuracy')
test_evaluator = val_evaluator
