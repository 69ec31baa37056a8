# GMP as published.
#
# section: Balancing strategies
# method: [GMP](methods/gmp.md), Li, Shen, Li, Xu, Khan, AAAI 2026
# needs: logits of each modality, two source domains
# table: GMP 1-5
# differs: logits of single modalities from an MLP head are an option of the head
_base_ = ['./base.py']

_adversary = _base_.model.objectives[0]
_reversal = _base_.strengths.get('gmp', _adversary.head.reversal)
model = dict(objectives=[dict(_adversary, head=dict(_adversary.head, reversal=_reversal))])
optim_wrapper = dict(
    type='mmda_ext.BalancedOptimWrapper',
    balancer=dict(type='mmda_ext.GMP', alpha_k=0.5, alpha_p=0.5))
search = {
    'optim_wrapper.balancer.alpha_k': dict(low=0.1, high=1.0),
    'optim_wrapper.balancer.alpha_p': dict(low=0.1, high=1.0)}
