_base_ = ['./demo-epic.py']

source_domains = ('D1', 'D3')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('D2', ), source_domains=source_domains))
