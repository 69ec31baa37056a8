# SD: small logits, so that no feature takes all the gradient from the others.
#
# section: Regularisers over source domains
# method: SD (spectral decoupling), Pezeshki et al., NeurIPS 2021
# differs: DomainBed's form, one strength for all classes; needs no domains, so batches are those of ERM
_base_ = ['./erm.py']

model = dict(objectives=[dict(type='mmda_ext.SpectralDecoupling', loss_weight=0.1)])
search = {'model.objectives.0.loss_weight': dict(low=1e-5, high=0.1, log=True)}
