# Boomda on IEMOCAP, speech, face and words. Preset "paper": batches of 48 + 48, alignment with factor 1 on features
# that are not normalised, all constants as printed, but pre-trained encoders learn 20 times slower than its 1e-3.
#   iemocap/boomda-paper-lr_avl_iemocap.py   1e-3 for everything, as printed
#   iemocap/boomda-sister_avl_iemocap.py     the preset "sister": what the same authors' public code (A3D2) does
# Other modalities, solvers and ablations: iemocap/.
_base_ = ['./iemocap/boomda_avl_iemocap.py']
