# Alignment without balancing: all objectives weigh 1 / (M + 1). Its strength was chosen like that of Boomda.
# Written by tools/spread_recipes.py from adaptation/uniform_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./boomda_mlp_avdigits_mnist-to-usps.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5),
        dict(type='mmda_ext.CorrelationAlignment', alpha2=0.01),
    ])
optim_wrapper = dict(balancer=dict(solver='uniform'))
