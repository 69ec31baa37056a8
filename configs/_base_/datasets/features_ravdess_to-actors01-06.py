_base_ = ['./features_ravdess.py']

source_domains = ('actors07-12', 'actors13-18', 'actors19-24')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('actors01-06', ), source_domains=source_domains))
