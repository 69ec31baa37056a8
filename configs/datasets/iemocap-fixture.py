# As iemocap.py, of the fake release and the vocabulary that tools/data/make_emotion_fixture.py makes, with tiny
# encoders: that all runs, not what it is worth.
_base_ = ['./iemocap.py', '../_base_/networks/emotion-tiny.py']

networks = dict(_delete_=True, **_base_.tiny_networks)
fusion = _base_.tiny_fusion

steps = dict(
    speech=_base_.steps.speech,
    face=[dict(type='mmda_ext.LoadFaces', num_frames=4, size=32)],
    text=[dict(type='mmda_ext.TokenizeText', tokenizer='data/fake/IEMOCAP_full_release/vocab.txt', max_length=64)])
pipeline = [
    *[dict(type='mmda_ext.PerModality', **{name: steps[name]}) for name in _base_.modalities if name != 'text'],
    *[_base_.corruption[name] for name in _base_.modalities],
    *[dict(type='mmda_ext.PerModality', text=steps[name]) for name in _base_.modalities if name == 'text'],
    dict(type='mmda_ext.PackMultimodalInputs', modalities=_base_.modalities),
]

dataset = dict(data_root='data/fake/iemocap/', pipeline=pipeline)
train_dataloader = dict(num_workers=0, batch_size=16, batch_sampler=dict(n_source=8, n_target=8), dataset=dataset)
val_dataloader = dict(num_workers=0, dataset=dataset)
test_dataloader = dict(num_workers=0, dataset=dataset)

# As the whole schedule: the first half at a constant rate, then down to 0.
train_cfg = dict(max_epochs=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=1, end=2, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=1))
auto_scale_lr = dict(base_batch_size=16)
