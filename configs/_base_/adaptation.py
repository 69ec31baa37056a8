# What all adaptation has: direct transfer, to which a method adds what it reads of the unlabelled target.
_base_ = ['../methods/dt.py']

reads_target = True
