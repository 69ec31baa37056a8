# SWAD: the weights of all steps in the flat part of the source validation loss are averaged, and the average is tested.
#
# section: Multimodal domain generalization
# method: SWAD, Cha et al., NeurIPS 2021, on ERM
# code: `SWADHook`: `engine/hooks/swad_hook.py`, `engine/loss_valley.py`
# needs: source validation
# cost: and a pass over source validation for each measurement
# keeps: averages and window; `SWADHook`
# differs: the entry where the loss converged counts once; training goes on to its end
_base_ = ['./erm.py']

custom_hooks = [*_base_.custom_hooks, dict(type='mmda_ext.SWADHook', converge=3, tolerance=6, ratio=0.3)]
