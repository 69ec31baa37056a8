# Pseudo labels alone: all three voters (two modalities and the fused classifier) must agree.
# Written by tools/spread_recipes.py from adaptation/pl_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_mlp_avdigits_mnist-to-usps.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5),
    ])
