# Boomda on MSP-IMPROV, speech, face and words. Preset "paper": batches of 48 + 48, alignment with factor 1 on features
# that are not normalised, all constants as printed, but pre-trained encoders learn 20 times slower than its 1e-3.
#   methods/boomda-paper-lr.py --dataset msp-improv   1e-3 for everything, as printed
#   methods/boomda-sister.py --dataset msp-improv     what the same authors' public code (A3D2) does
# Flags choose the modalities; other solvers and ablations are methods too.
_base_ = ['./methods/boomda.py']

recipe = dict(dataset='msp-improv')
