# One labelled source, one target. The target enters training only where a recipe says so, without labels.
_base_ = ['./demo.py']

source_domains = ('cartoon', )
target_domains = ('human', )
train_dataloader = dict(batch_size=8, dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=target_domains, source_domains=source_domains))

val_evaluator = [dict(type='mmda_ext.DomainAccuracy'), dict(type='mmda_ext.WeightedF1')]
test_evaluator = val_evaluator
