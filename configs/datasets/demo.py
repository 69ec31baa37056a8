# The generated data set (tools/data/make_demo_data.py) in the layout of HAC: small clips, short sounds, small networks.
_base_ = [
    '../_base_/networks/slowfast-tiny.py',
    '../_base_/loaders.py',
    '../_base_/schedules/adam_demo.py',
    '../_base_/default_runtime.py',
]

domains = ('human', 'animal', 'cartoon')
target_domains = {{'$MMDA_TARGET:None'}} or ('human', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('video', 'audio')
num_classes = 5
strengths = dict(base=0.1, boomda='auto')

with_video = 'video' in modalities
opened = [dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')])] if with_video else []
sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips=dict(video=dict(clip_len=16, frame_interval=2)) if with_video else {},
    follow=dict(audio=dict(reference='video', fps=24.0)) if with_video and 'audio' in modalities else None)
sound = [dict(type='mmda_ext.LoadAudio'), dict(type='mmda_ext.LogSpectrogram', num_seconds=1.25)]
train_decoding = dict(
    video=[
        dict(type='mmda_ext.DecodeVideo'),
        dict(type='Resize', scale=(-1, 60)),
        dict(type='RandomCrop', size=56),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=[*sound, dict(type='mmda_ext.SpectrogramAugment')])
test_decoding = dict(
    video=[
        dict(type='mmda_ext.DecodeVideo'),
        dict(type='Resize', scale=(-1, 60)),
        dict(type='CenterCrop', crop_size=56),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=sound)
train_pipeline = [
    *opened,
    sampling,
    dict(type='mmda_ext.PerModality', **{name: train_decoding[name] for name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    *opened,
    dict(**sampling, test_mode=True),
    dict(type='mmda_ext.PerModality', **{name: test_decoding[name] for name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(
    type='mmda_ext.HACDataset',
    ann_dir='data/demo/hac/splits/',
    data_root='data/demo/hac/',
    modalities=modalities,
    source_domains=source_domains,
    metainfo=dict(classes=('sway', 'bounce', 'orbit', 'pulse', 'blink')))
train_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=source_domains, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=source_domains, split='test', pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=target_domains, split='all', pipeline=test_pipeline))
