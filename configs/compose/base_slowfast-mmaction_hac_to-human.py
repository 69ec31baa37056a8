# Video backbone, normalisation and pipeline from MMAction2's own recipe; sound is cut from the frames it chooses.
_base_ = ['mmaction::recognition/slowfast/slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb.py']
custom_imports = dict(imports=['mmda_ext'], allow_failed_imports=False)

# mmaction::_base_/models/slowfast_r50.py gives `model.backbone` and `model.data_preprocessor`.
model = dict(
    _delete_=True,
    type='mmda_ext.MultimodalRecognizer',
    backbones=dict(video={{_base_.model.backbone}}, audio=dict(type='mmda_ext.AudioResNet')),
    fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict(video=2304, audio=512), dropout=0.5),
    cls_head=dict(type='mmda_ext.MultimodalClsHead', num_classes=7),
    objectives=[dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=0.5))],
    data_preprocessor=dict(
        type='mmda_ext.MultimodalDataPreprocessor',
        preprocessors=dict(
            video=dict(
                type='mmda_ext.ClipPreprocessor',
                mean={{_base_.model.data_preprocessor.mean}},
                std={{_base_.model.data_preprocessor.std}},
                format_shape={{_base_.model.data_preprocessor.format_shape}}),
            audio=None)))

sound = [
    dict(type='mmda_ext.AlignAudio', reference='video'),
    dict(
        type='mmda_ext.PerModality',
        audio=[dict(type='mmda_ext.LoadAudio'),
               dict(type='mmda_ext.LogSpectrogram')]),
    dict(type='mmda_ext.PackMultimodalInputs'),
]
train_pipeline = [dict(type='mmda_ext.PerModality', video={{_base_.train_pipeline}}), *sound]
test_pipeline = [dict(type='mmda_ext.PerModality', video={{_base_.val_pipeline}}), *sound]
sources = ('animal', 'cartoon')
dataset = dict(
    _delete_=True,
    type='mmda_ext.HACDataset',
    ann_dir='data/hac/splits/',
    data_root='data/hac/',
    source_domains=sources)
train_dataloader = dict(batch_size=16, dataset=dict(**dataset, domains=sources, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16, dataset=dict(**dataset, domains=sources, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(
    batch_size=16, dataset=dict(**dataset, domains=('human', ), split='all', pipeline=test_pipeline, test_mode=True))
val_evaluator = dict(_delete_=True, type='mmda_ext.DomainAccuracy')
test_evaluator = val_evaluator

optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, weight_decay=1e-4))
train_cfg = dict(max_epochs=20, val_interval=1)
param_scheduler = None
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=16)
