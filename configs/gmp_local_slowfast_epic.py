# GMP as the first author released it later, on EPIC-Kitchens with target D1. Other targets: epic/.
_base_ = ['./epic/gmp-local_slowfast_epic_to-d1.py']
