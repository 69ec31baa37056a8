# As epic.py, for the packaging with one video file for each segment.
_base_ = ['./epic.py']

modalities = ('video', 'audio')
opening = dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')])
clips = dict(video=dict(clip_len=32, frame_interval=2))
train_pipeline = [
    opening,
    dict(type='mmda_ext.SampleAlignedClips', clips=clips),
    dict(
        type='mmda_ext.PerModality',
        video=[
            dict(type='mmda_ext.DecodeVideo'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='RandomResizedCrop'),
            dict(type='Resize', scale=(224, 224), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='FormatShape', input_format='NCTHW'),
        ],
        audio={{_base_.train_decoding.audio}}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    opening,
    dict(type='mmda_ext.SampleAlignedClips', clips=clips, test_mode=True),
    dict(
        type='mmda_ext.PerModality',
        video=[
            dict(type='mmda_ext.DecodeVideo'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='CenterCrop', crop_size=224),
            dict(type='FormatShape', input_format='NCTHW'),
        ],
        audio={{_base_.test_decoding.audio}}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

train_dataloader = dict(dataset=dict(layout='clips', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(layout='clips', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(layout='clips', pipeline=test_pipeline))
