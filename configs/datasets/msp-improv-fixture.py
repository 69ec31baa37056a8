# As iemocap-fixture.py, of MSP-IMPROV.
_base_ = ['./iemocap-fixture.py']

words = dict(type='mmda_ext.TokenizeText', tokenizer='data/fake/MSP-IMPROV/vocab.txt', max_length=64)
pipeline = [
    *[dict(type='mmda_ext.PerModality', **{name: _base_.steps[name]}) for name in _base_.modalities if name != 'text'],
    *[_base_.corruption[name] for name in _base_.modalities],
    *[dict(type='mmda_ext.PerModality', text=[words]) for name in _base_.modalities if name == 'text'],
    dict(type='mmda_ext.PackMultimodalInputs', modalities=_base_.modalities),
]

dataset = dict(type='mmda_ext.MSPImprovDataset', data_root='data/fake/msp-improv/', pipeline=pipeline)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
