# LFM, whose weight is learnt: before every epoch it moves down the slope of the source validation loss after one step.
#
# section: Balancing strategies
# method: [LFM](methods/lfm.md), with the exact derivative of its weight
# code: `LearnedShareHook`: `engine/hooks/learned_share_hook.py`
# needs: two modalities
# cost: and three passes of one batch for each epoch
# keeps: the weight; `LearnedShareHook`
# differs: the release moves the weight by what is not its derivative
_base_ = ['./lfm.py']

model = dict(objectives=[dict(type='mmda_ext.ModalityGap', share='learned')])
custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.LearnedShareHook', rate=10.0)]
search = {f'custom_hooks.{len(_base_.custom_hooks)}.rate': dict(low=1.0, high=100.0, log=True)}
