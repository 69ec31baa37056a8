# ERM on samples that are mixed with each other: one coefficient and one permutation for all modalities of a batch.
#
# section: Balancing strategies
# method: ERM with Mixup, Zhang, Cisse, Dauphin, Lopez-Paz, ICLR 2018: inputs of all modalities and labels, mixed alike
# code: `Mixup`: `models/mixing.py`
# needs: inputs that are numbers (no token ids)
# differs: coefficients of Beta(0.2, 0.2), as in DomainBed; pairs of all source domains; no accuracy of mixed samples
_base_ = ['./erm.py']

model = dict(mixing=dict(type='mmda_ext.Mixup', alpha=0.2, level='input'))
