# What the small sets of feature vectors share; a data set adds its domains, widths and file.
_base_ = ['./loaders.py', './schedules/adam_features.py', './default_runtime.py']

# The strength of Base was chosen on source validation of RAVDESS (docs/results/ravdess), the others are no result of a
# search. MLPs train as a whole: splitting needs a bound, linear layers have rank 2, and heads of video's width (2048)
# would make a step cost 35 to 90 of Base.
strengths = dict(base=0.1, cmrf_start=100, splitting_margin=1.0, ogm_min_rank=2, head_width=64)
fusion = dict(hidden_channels=64, dropout=0.2)
# Of every modality.
_mlp = dict(type='mmda_ext.MLPBackbone', hidden_channels=(128, 64), dropout=0.2)
