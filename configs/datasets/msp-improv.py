# As iemocap.py, of MSP-IMPROV.
_base_ = ['./iemocap.py']

dataset = dict(type='mmda_ext.MSPImprovDataset', data_root='data/msp-improv/')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
