# AGM: the classification gradient at each modality's part of the logits is scaled; the adversarial one is left alone.
#
# section: Balancing strategies
# method: [AGM](methods/agm.md), Li, Li, Hu, Lei, Li, Zhou, ICCV 2023
# needs: inputs that can be blanked
# keeps: running scores
# table: GMP 2
# differs: gradients clipped by the norm alone; exponent capped at 10 for any M
_base_ = ['./base.py']

model = dict(cls_head=dict(type='mmda_ext.AGMClsHead', alpha=1.0))
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
