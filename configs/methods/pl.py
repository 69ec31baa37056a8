# Pseudo labels alone, with the votes of Boomda.
#
# section: Boomda's rows
# row: pseudo labels only
# what it is: voting of all heads
# table: Boomda, ablation
_base_ = ['../_base_/adaptation.py']

model = dict(
    objectives=[*_base_.model.objectives, dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5)])
