# JDDA, instance form: CORAL as a mean of squares, and pairs of source samples close within a class, apart between.
# Written by tools/spread_recipes.py from adaptation/jdda_mlp_ravdess_actors01-12-to-13-24.py
_base_ = ['./dt_av_msp-improv.py']

model = dict(
    objectives=[
        dict(type='mmda_ext.InformationBottleneck', beta=5e-4),
        dict(type='mmda_ext.CorrelationAlignment', alpha2=8.0, normalize='mean', objectives='fused'),
        # The public code has 0.03, on a mean over pairs that it divides by n^2 once more; n = 48 here.
        dict(type='mmda_ext.JDDA', num_classes=4, loss_weight=0.03 / 48**2),
    ])
