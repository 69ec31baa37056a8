# Boomda: information bottleneck, pseudo labels by voting, and correlation alignment balanced in closed form. Alignment
# as printed in Eq. 10 (factor 1, features as they are), three of four voters; with two modalities that is all three.
#
# section: Boomda's rows
# row: Boomda
# what it is: both, closed form
# table: Boomda, comparison, ablation and running time
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[
        *_base_.model.objectives,
        dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5),
        dict(
            type='mmda_ext.CorrelationAlignment',
            alpha2=_base_.strengths.get('boomda', 0.1),
            normalize='none'),
    ])
optim_wrapper = dict(type='mmda_ext.BalancedOptimWrapper', balancer=dict(type='mmda_ext.MGDA', solver='closed_form'))
# How a rule that balances any losses balances these.
balanced = dict(normalize=True)
