# MOOSA: sure heads weigh more.
moosa_heads = dict(type='mmda_ext.EntropyWeightedClassification')
moosa = [
    dict(type='mmda_ext.EntropyMinimization', loss_weight=0.001),
    dict(type='mmda_ext.MultimodalJigsaw', num_parts=4, loss_weight=1.0),
    dict(type='mmda_ext.CrossModalTranslation', mask_ratio=0.3, loss_weight=0.1),
    dict(type='mmda_ext.SupervisedContrastive', features='shared_half', loss_weight=3.0),
    dict(type='mmda_ext.FeatureSplitting', loss_weight=0.7),
]
