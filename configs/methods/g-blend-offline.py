# Gradient-Blending, offline: one estimate before the first epoch, each head trained alone for all epochs.
#
# section: Balancing strategies
# method: the same, one trial of each head before training
# code: the same
# needs: the same
# cost: and M + 1 trainings
# keeps: as above
# table: GMP 1, 2
_base_ = ['./g-blend.py']

custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmda_ext.GradientBlendingHook', mode='offline')]
