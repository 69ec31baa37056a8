# GMP as the first author released it later, on HAC with target human. Other targets: hac/.
_base_ = ['./hac/gmp-local_slowfast_hac_to-human.py']
