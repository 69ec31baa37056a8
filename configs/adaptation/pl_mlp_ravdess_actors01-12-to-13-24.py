# Pseudo labels alone: all three voters (two modalities and the fused classifier) must agree.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5),
    ])
