_base_ = ['./features_ravdess.py']

source_domains = ('actors01-06', 'actors07-12', 'actors19-24')
train_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=('actors13-18', ), source_domains=source_domains))
