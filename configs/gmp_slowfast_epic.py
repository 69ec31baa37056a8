# GMP on EPIC-Kitchens, video and audio: train on D2 and D3, test on the unseen D1. Other targets: epic/.
_base_ = ['./epic/gmp_slowfast_epic_to-d1.py']
