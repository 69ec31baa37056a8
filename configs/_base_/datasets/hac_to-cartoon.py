_base_ = ['./hac.py']

source_domains = ('human', 'animal')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('cartoon', ), source_domains=source_domains))
