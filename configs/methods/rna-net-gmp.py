# RNA-Net with GMP: its own terms keep weight 1 beside the balanced classification and domain losses.
#
# section: Multimodal domain generalization
# method: with GMP
# needs: and of GMP
# table: GMP 3
# differs: the paper says "plug-and-play" and no more
_base_ = ['./gmp.py']

model = dict(objectives=[*_base_.model.objectives, dict(type='mmda_ext.RelativeNormAlignment', loss_weight=1.0)])
