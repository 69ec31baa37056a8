# SAM: each step is made with the gradient at the worst point nearby. Under a balancer:
# --cfg-options optim_wrapper.type=mmda_ext.SAMBalancedOptimWrapper optim_wrapper.rho=0.05
#
# section: Multimodal domain generalization
# method: SAM, Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, on ERM
# code: `SAMOptimWrapper`: `engine/optim_wrappers/sam.py`
# needs: a whole batch at once (no accumulated gradients)
# differs: dropout draws the same numbers in both passes; statistics of BatchNorm come from the first
_base_ = ['./erm.py']

optim_wrapper = dict(type='mmda_ext.SAMOptimWrapper', rho=0.05)
