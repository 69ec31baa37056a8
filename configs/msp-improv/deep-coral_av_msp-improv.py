# Deep CORAL: covariances of the concatenated features.
# Written by tools/spread_recipes.py from adaptation/deep-coral_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_av_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CorrelationAlignment', alpha2=1.0, normalize='deep_coral', objectives='fused'),
    ])
