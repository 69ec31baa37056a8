# RNA-Net: equal mean norms of the modalities' features.
#
# section: Multimodal domain generalization
# method: [RNA-Net](methods/rna-net.md), Planamente, Plizzari, Alberti, Caputo, WACV 2022
# needs: two modalities
# table: GMP 3
# differs: on the features of the fused network
_base_ = ['./erm.py']

model = dict(objectives=[dict(type='mmda_ext.RelativeNormAlignment', loss_weight=1.0)])
