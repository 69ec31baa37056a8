# As epic.py, with optical flow as a third modality.
_base_ = ['./epic.py']

modalities = ('video', 'flow', 'audio')
sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips=dict(video=dict(clip_len=32, frame_interval=2), flow=dict(clip_len=8, frame_interval=4)))
train_pipeline = [
    sampling,
    dict(
        type='mmda_ext.PerModality',
        flow=[
            dict(type='mmda_ext.DecodeFrames'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='RandomResizedCrop'),
            dict(type='Resize', scale=(224, 224), keep_ratio=False),
            dict(type='mmda_ext.FlipFlow', flip_ratio=0.5),
            dict(type='FormatShape', input_format='NCTHW'),
        ]),
    {{_base_.train_decoding}},
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    dict(**sampling, test_mode=True),
    dict(
        type='mmda_ext.PerModality',
        flow=[
            dict(type='mmda_ext.DecodeFrames'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='CenterCrop', crop_size=256),
            dict(type='FormatShape', input_format='NCTHW'),
        ]),
    {{_base_.test_decoding}},
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

train_dataloader = dict(dataset=dict(modalities=modalities, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(modalities=modalities, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(modalities=modalities, pipeline=test_pipeline))
