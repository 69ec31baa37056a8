_base_ = ['./hac.py']

source_domains = ('human', 'cartoon')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('animal', ), source_domains=source_domains))
