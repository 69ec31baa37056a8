# SimMMDG: contrast on the shared half of each feature, translation between modalities, splitting of the halves.
simmmdg = [
    dict(type='mmda_ext.SupervisedContrastive', features='shared_half', loss_weight=3.0),
    dict(type='mmda_ext.CrossModalTranslation', loss_weight=0.1),
    dict(type='mmda_ext.FeatureSplitting', loss_weight=0.7),
]
