# Plain additions to any method: class heads of the modalities, mixed samples, averaged weights. Their search switches
# the last two off and on.
heads_term = dict(type='mmda_ext.LocalClassification', task='heads', loss_weight=1.0, balanced_heads=False)
strong_model = dict(predictor='all', mixing=dict(type='mmda_ext.Mixup', alpha=0.2, level='input'))
# The weight of the new value: decay 0.99.
strong_hooks = dict(average=dict(type='mmda_ext.AveragedWeightsHook', momentum=0.01, begin=0.0))
strong_search = {
    'model.mixing.alpha': dict(choices=[0.2, 0.0]),
    'default_hooks.average.begin': dict(choices=[0.0, 1.0])}
