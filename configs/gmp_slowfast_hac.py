# GMP on HAC, video and audio: train on animals and cartoons, test on unseen humans. Other targets: hac/.
_base_ = ['./hac/gmp_slowfast_hac_to-human.py']
