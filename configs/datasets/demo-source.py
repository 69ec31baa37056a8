# As demo.py, one labelled domain and the ten epochs that it needs; what direct transfer is trained on.
_base_ = ['./demo.py']

target_domains = {{'$MMDA_TARGET:None'}} or ('human', )
source_domains = {{'$MMDA_SOURCES:None'}} or ('cartoon', )

train_dataloader = dict(batch_size=8, dataset=dict(domains=source_domains, source_domains=source_domains))
val_dataloader = dict(dataset=dict(domains=source_domains, source_domains=source_domains))
test_dataloader = dict(dataset=dict(domains=target_domains, source_domains=source_domains))
val_evaluator = [dict(type='mmda_ext.DomainAccuracy'), dict(type='mmda_ext.WeightedF1')]
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=10)
auto_scale_lr = dict(base_batch_size=8)
