# As iemocap.py, face and words only.
_base_ = ['./iemocap.py']

modalities = ('face', 'text')
pipeline = [
    dict(type='mmda_ext.PerModality', face={{_base_.face_steps}}),
    {{_base_.corrupt_faces}},
    {{_base_.corrupt_text}},
    dict(type='mmda_ext.PerModality', text={{_base_.text_steps}}),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

train_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
val_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
test_dataloader = dict(dataset=dict(modalities=modalities, pipeline=pipeline))
