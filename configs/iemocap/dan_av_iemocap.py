# DAN: maximum mean discrepancy of the concatenated features, five Gaussian kernels, unbiased.
# Written by tools/spread_recipes.py from adaptation/dan_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_av_iemocap.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.MKMMD'),
    ])
