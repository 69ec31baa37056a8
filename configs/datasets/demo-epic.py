# The generated data set (tools/data/make_demo_data.py) in the layout of EPIC-Kitchens: small frames, short segments.
_base_ = [
    '../_base_/networks/slowfast-tiny.py',
    '../_base_/loaders.py',
    '../_base_/schedules/adam_demo.py',
    '../_base_/default_runtime.py',
]

domains = ('D1', 'D2', 'D3')
target_domains = {{'$MMDA_TARGET:None'}} or ('D1', )
source_domains = {{'$MMDA_SOURCES:None'}} or tuple(name for name in domains if name not in target_domains)
modalities = {{'$MMDA_MODALITIES:None'}} or ('video', 'audio')
num_classes = 5
strengths = dict(base=0.1)

sampling = dict(
    type='mmda_ext.SampleAlignedClips',
    clips=dict(video=dict(clip_len=16, frame_interval=2)) if 'video' in modalities else {})
sound = [dict(type='mmda_ext.LoadAudio'), dict(type='mmda_ext.LogSpectrogram', num_seconds=0.8)]
train_decoding = dict(
    video=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 60)),
        dict(type='RandomCrop', size=56),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=[*sound, dict(type='mmda_ext.SpectrogramAugment')])
test_decoding = dict(
    video=[
        dict(type='mmda_ext.DecodeFrames'),
        dict(type='Resize', scale=(-1, 60)),
        dict(type='CenterCrop', crop_size=56),
        dict(type='FormatShape', input_format='NCTHW'),
    ],
    audio=sound)
train_pipeline = [
    sampling,
    dict(type='mmda_ext.PerModality', **{name: train_decoding[name] for name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]
test_pipeline = [
    dict(**sampling, test_mode=True),
    dict(type='mmda_ext.PerModality', **{name: test_decoding[name] for name in modalities}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(
    type='mmda_ext.EpicKitchensDataset',
    ann_dir='data/demo/epic/MM-SADA_Domain_Adaptation_Splits/',
    data_root='data/demo/epic/',
    layout='frames',
    modalities=modalities,
    source_domains=source_domains,
    metainfo=dict(classes=('sway', 'bounce', 'orbit', 'pulse', 'blink')))
train_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=source_domains, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=source_domains, split='test', pipeline=test_pipeline))
test_dataloader = dict(
    num_workers=1, dataset=dict(**dataset, domains=target_domains, split='test', pipeline=test_pipeline))
