# As iemocap.py, speech and face only.
_base_ = ['./iemocap.py']

modalities = ('speech', 'face')
pipeline = [
    dict(type='mmda_ext.PerModality', speech={{_base_.speech_steps}}, face={{_base_.face_steps}}),
    {{_base_.corrupt_speech}},
    {{_base_.corrupt_faces}},
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

train_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
val_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
test_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
