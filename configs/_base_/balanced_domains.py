# What regularisers between source domains have: batches with as many samples of each.
_base_ = ['../methods/erm.py']

train_dataloader = dict(drop_last=False, batch_sampler=dict(type='mmda_ext.DomainBalancedBatchSampler'))
