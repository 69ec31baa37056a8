_base_ = ['./features_avdigits.py']

source_domains = ('mnist', 'usps')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('optdigits', ), source_domains=source_domains))
