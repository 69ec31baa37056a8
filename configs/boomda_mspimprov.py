# Boomda on MSP-IMPROV, speech, face and words. Preset "paper": batches of 48 + 48, alignment with factor 1 on features
# that are not normalised, all constants as printed, but pre-trained encoders learn 20 times slower than its 1e-3.
#   msp-improv/boomda-paper-lr_avl_msp-improv.py   1e-3 for everything, as printed
#   msp-improv/boomda-sister_avl_msp-improv.py     the preset "sister": what the same authors' public code (A3D2) does
# Other modalities, solvers and ablations: msp-improv/.
_base_ = ['./msp-improv/boomda_avl_msp-improv.py']
