# Another video backbone of MMAction2 in two lines: what it is, and how wide its features are. Every method trains on
# it:
#   python tools/train.py configs/methods/gmp.py --dataset configs/compose/demo-x3d.py
_base_ = ['../datasets/demo.py']

networks = dict(
    video=dict(
        backbone=dict(_delete_=True, type='X3D', gamma_w=1, gamma_b=2.25, gamma_d=2.2),
        channels=432))
