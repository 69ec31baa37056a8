# IRM: the classifier is to be optimal in every source domain at once.
#
# section: Regularisers over source domains
# method: IRM (IRMv1), Arjovsky, Bottou, Gulrajani, Lopez-Paz, 2019
# needs: two samples of each source domain
# keeps: `FreshOptimizerHook`
# differs: weight 100 after a tenth of the training (DomainBed: after 500 of 5001 steps); the fused classifier
_base_ = ['../_base_/balanced_domains.py']

model = dict(objectives=[dict(type='mmda_ext.IRM', num_domains=len(_base_.source_domains), loss_weight=100.0)])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.FreshOptimizerHook')]
search = {'model.objectives.0.loss_weight': dict(low=0.1, high=1e5, log=True)}
