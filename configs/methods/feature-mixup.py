# ERM on features that are mixed with each other in front of the fusion, with one coefficient and one permutation.
#
# section: Balancing strategies
# method: ERM with feature Mixup, after Manifold Mixup (Verma et al., ICML 2019): features of all modalities and labels
# code: `Mixup`: `models/mixing.py`
# differs: always at the fusion, not at a layer drawn for each batch; coefficients of Beta(0.2, 0.2)
_base_ = ['./erm.py']

model = dict(mixing=dict(type='mmda_ext.Mixup', alpha=0.2, level='feature'))
