# Boomda's losses with the numbers that the paper gives. Alignment as printed in Eq. 10: factor 1, features as they are.
bottleneck = dict(type='mmda_ext.InformationBottleneck', beta=5e-4)
# Three of four voters; with two modalities that is all three.
pseudo_label = dict(type='mmda_ext.VotingPseudoLabel', min_votes=3, loss_weight=0.5)
alignment = dict(type='mmda_ext.CorrelationAlignment', alpha2=0.1, normalize='none')
