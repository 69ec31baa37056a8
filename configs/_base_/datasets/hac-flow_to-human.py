_base_ = ['./hac-flow.py']

source_domains = ('animal', 'cartoon')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('human', ), source_domains=source_domains))
