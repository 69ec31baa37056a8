# CMRF: heads of the modalities, contrast on whole features, and a teacher; methods add start and weights.
cmrf_heads = dict(type='mmda_ext.LocalClassification', task='unimodal', loss_weight=2.0, balanced_heads=False)
cmrf_contrast = dict(type='mmda_ext.SupervisedContrastive', features='full', loss_weight=3.0)
cmrf_distillation = dict(type='mmda_ext.CrossModalDistillation', loss_weight=3.0)
