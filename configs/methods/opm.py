# OPM: the fused classifier loses features of the modality that is ahead, with a probability that grows with the lead.
#
# section: Balancing strategies
# method: [OPM](methods/opm.md), Wei, Hu, Du, Wen, TPAMI 2024
# needs: two modalities; logits of each (split of the fused head)
# differs: for more than two modalities the lead is over the mean of the others, not over their sum
_base_ = ['./erm.py']

model = dict(cls_head=dict(type='mmda_ext.OPMClsHead', p=0.7, base=0.5, slope=0.5))
