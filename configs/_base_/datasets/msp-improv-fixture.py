# As msp-improv.py, of the fake release and the vocabulary that tools/data/make_emotion_fixture.py makes; for a CPU.
_base_ = ['./msp-improv.py']

data_root = 'data/fake/msp-improv/'
pipeline = [
    dict(
        type='mmda_ext.PerModality',
        speech={{_base_.speech_steps}},
        face=[dict(type='mmda_ext.LoadFaces', num_frames=4, size=32)]),
    {{_base_.corrupt_speech}},
    {{_base_.corrupt_faces}},
    {{_base_.corrupt_text}},
    dict(
        type='mmda_ext.PerModality',
        text=[dict(type='mmda_ext.TokenizeText', tokenizer='data/fake/MSP-IMPROV/vocab.txt', max_length=64)]),
    dict(type='mmda_ext.PackMultimodalInputs', modalities={{_base_.modalities}}),
]

dataset = dict(data_root=data_root, pipeline=pipeline)
train_dataloader = dict(
    num_workers=0, batch_size=16, batch_sampler=dict(n_source=8, n_target=8), dataset=dataset)
val_dataloader = dict(num_workers=0, dataset=dataset)
test_dataloader = dict(num_workers=0, dataset=dataset)
