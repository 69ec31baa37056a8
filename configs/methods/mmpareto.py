# MMPareto: fused and unimodal gradients of an encoder, weighted by the shortest of their mixtures where they conflict.
#
# section: Balancing strategies
# method: [MMPareto](methods/mmpareto.md), Wei, Hu, ICML 2024
# code: `MMPareto`: `balancing/mmpareto.py`
# needs: a head for each modality
# differs: tensors that nothing reaches get 0, not NaN
_base_ = ['./erm.py', '../_base_/objectives/strong_terms.py']

model = dict(objectives=[_base_.heads_term])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MMPareto'))
