# The generated data set (tools/data/make_demo_data.py) in the layout of HAC: small clips, short sounds.
_base_ = ['./hac.py']

data_root = 'data/demo/hac/'
ann_dir = 'data/demo/hac/splits/'
num_classes = 5

sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips=dict(video=dict(clip_len=16, frame_interval=2)),
    follow=dict(audio=dict(reference='video', fps=24.0)))
sound = [dict(type='mmda_ext.LoadAudio'), dict(type='mmda_ext.LogSpectrogram', num_seconds=1.25)]
train_pipeline = [
    dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')]),
    sampling,
    dict(
        type='mmda_ext.PerModality',
        video=[
            dict(type='mmda_ext.DecodeVideo'),
            dict(type='Resize', scale=(-1, 60)),
            dict(type='RandomCrop', size=56),
            dict(type='FormatShape', input_format='NCTHW'),
        ],
        audio=[*sound, dict(type='mmda_ext.SpectrogramAugment')]),
    dict(type='mmda_ext.PackMultimodalInputs', modalities={{_base_.modalities}}),
]
test_pipeline = [
    dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')]),
    dict(**sampling, test_mode=True),
    dict(
        type='mmda_ext.PerModality',
        video=[
            dict(type='mmda_ext.DecodeVideo'),
            dict(type='Resize', scale=(-1, 60)),
            dict(type='CenterCrop', crop_size=56),
            dict(type='FormatShape', input_format='NCTHW'),
        ],
        audio=sound),
    dict(type='mmda_ext.PackMultimodalInputs', modalities={{_base_.modalities}}),
]

classes = ('sway', 'bounce', 'orbit', 'pulse', 'blink')
dataset = dict(ann_dir=ann_dir, data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(num_workers=1, dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(**dataset, pipeline=test_pipeline))
