# DANN: a discriminator of source and target on the concatenated features, behind a gradient reversal.
# Its weight was chosen on source validation of RAVDESS (docs/results/ravdess-adaptation); 1 is usual.
_base_ = ['./dt_mlp_ravdess_actors01-12-to-13-24.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.DANN', loss_weight=0.3),
    ])
