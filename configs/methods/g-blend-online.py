# Gradient-Blending, online: each head trained alone for five epochs before every five epochs.
#
# section: Balancing strategies
# method: the same, a trial of each head every few epochs
# code: the same
# needs: the same
# cost: and M + 1 times the training
# keeps: as above
# table: GMP 1, 2
# differs: GMP does not say which form it ran
_base_ = ['./g-blend.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='online')]
