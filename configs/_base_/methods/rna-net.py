# RNA-Net: equal mean norms of the modalities' features.
rna_net = [dict(type='mmda_ext.RelativeNormAlignment', loss_weight=1.0)]
