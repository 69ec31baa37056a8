"""Write the recipes of one method for the other targets and data sets, from the one that was written by hand.

    python tools/spread_recipes.py            write what is missing or out of date
    python tools/spread_recipes.py --check    change nothing; exit code 1 and the names where something differs

A recipe inherits from the reference recipe of its data set and states what the method changes, so the copies differ in
the name of that file and in the few words listed in FAMILIES. A file without the mark in its head was written by hand:
it is never overwritten.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmda_ext.apis.one_line_errors import run_with_one_line_errors

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
MARK = '# Written by tools/spread_recipes.py from '


@dataclass(frozen=True, eq=False)
class Place:
    """Where a recipe lives: a folder, the end of its name, and words of the pattern that read differently here."""

    folder: str
    tail: str
    words: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def path(self, method: str) -> Path:
        return CONFIGS / self.folder / f'{method}_{self.tail}.py'


DIGITS = {'num_classes=8': 'num_classes=10', 'num_domains=3': 'num_domains=2', 'face=': 'image=', "'face'": "'image'"}
#: Encoders with convolutions, in which the rules for convolutions hold as published.
VIDEO = {'num_domains=3': 'num_domains=2', 'face=': 'video=', "'face'": "'video'", ', min_rank=2': '',
         '# MLPs hold no convolutions: the weights of linear layers have rank 2.\n': '', 'lr_mult=0.5': 'lr_mult=5.0'}
HAC = {'num_classes=8': 'num_classes=7'}
#: One small data set is enough for rules that balance any losses.
GENERAL = ('aligned-mtl', 'cagrad', 'imtl-g', 'nash-mtl', 'upgrad')
#: Those, those of which the corpora have recipes of their own, and one that needs several sources.
NO_CORPUS = (*GENERAL, 'boomda-exact', 'cdan-balanced', 'dwa', 'famo', 'gradnorm', 'mdan', 'uncertainty-weighting')
#: What was found on one small data set is not carried over to the corpora.
CHOSEN = '# Its weight was chosen on source validation of RAVDESS (docs/results/ravdess-adaptation); 1 is usual.\n'
VIEWS = {
    'speech': "speech=dict(type='mmda_ext.AudioView')",
    'face': "face=dict(type='mmda_ext.VideoView')",
    'text': "text=dict(type='mmda_ext.TokenView', mask_id=103, special_ids=(0, 101, 102))",
}
WEIGHTS = {'speech': 'speech=0.1', 'face': 'face=0.7', 'text': 'text=0.1'}
PARTS = {'avl': ('speech', 'face', 'text'), 'al': ('speech', 'text'), 'av': ('speech', 'face'), 'vl': ('face', 'text')}


def _corpus(folder: str) -> list[Place]:
    """The combinations of modalities of a corpus: batches of 48 + 48, four classes."""
    places = []
    for part, names in PARTS.items():
        views = ''.join(f'\n{" " * 16}{VIEWS[name]},' for name in names)
        weights = ', '.join(WEIGHTS[name] for name in names)
        anchor = 'text' if 'text' in names else 'speech'
        indent = ' ' * 12
        words = {
            'num_classes=8': 'num_classes=4', CHOSEN: '', ".DANN', loss_weight=0.3": ".DANN'",
            '16**2': '48**2', 'n = 16 here': 'n = 48 here',
            "dict(type='mmda_ext.PCL', loss_weight=0.05)":
                f"dict(\n{indent}type='mmda_ext.PCL',\n{indent}loss_weight=0.05,\n{indent}views=dict({views[:-1]}))",
            "dict(type='mmda_ext.A3D2', num_classes=4, anchor='audio', modality_weights=dict(face=0.7, audio=0.1))":
                f"dict(\n{indent}type='mmda_ext.A3D2',\n{indent}num_classes=4,\n{indent}anchor='{anchor}',\n"
                f'{indent}modality_weights=dict({weights}))'}
        places.append(Place(folder, f'{part}_{folder}', words, NO_CORPUS))
    return places


#: The place of the pattern -> the places of its copies.
FAMILIES = {
    Place('features', 'mlp_ravdess_to-actors01-06'): [
        *(Place('features', f'mlp_ravdess_to-actors{own}', without=GENERAL) for own in ('07-12', '13-18', '19-24')),
        *(Place('features', f'mlp_avdigits_to-{own}', DIGITS, GENERAL) for own in ('mnist', 'optdigits', 'usps')),
        Place('epic', 'slowfast_epic_to-d1', VIDEO, GENERAL),
        Place('hac', 'slowfast_hac_to-human', VIDEO | HAC, GENERAL),
    ],
    Place('epic', 'slowfast_epic_to-d1'): [Place('epic', f'slowfast_epic_to-{own}') for own in ('d2', 'd3')],
    Place('epic', 'slowfast_epic-flow_to-d1'): [Place('epic', f'slowfast_epic-flow_to-{own}') for own in ('d2', 'd3')],
    Place('hac', 'slowfast_hac_to-human'): [Place('hac', f'slowfast_hac_to-{own}') for own in ('animal', 'cartoon')],
    Place('adaptation', 'mlp_ravdess_actors01-12-to-13-24'): [
        Place('adaptation', 'mlp_avdigits_mnist-to-usps', DIGITS, (*GENERAL, 'mdan')),
        *_corpus('iemocap'),
        *_corpus('msp-improv'),
    ],
}


def methods_of(place: Place) -> list[str]:
    """Methods that have a recipe there."""
    end = f'_{place.tail}'
    return sorted(path.stem.removesuffix(end) for path in (CONFIGS / place.folder).glob(f'*{end}.py'))


def by_hand(path: Path) -> bool:
    return path.exists() and MARK not in path.read_text(encoding='utf-8')


def copy_of(text: str, method: str, pattern: Place, place: Place) -> str:
    """The pattern's text as it reads in another place."""
    for old, new in place.words.items():
        text = re.sub(rf'(?<![\w.]){re.escape(old)}' if old[0].isalpha() else re.escape(old), new, text)
    text = text.replace(f'_{pattern.tail}.py', f'_{place.tail}.py')
    lines = [line for line in text.splitlines() if not line.startswith(MARK)]
    head = next(index for index, line in enumerate(lines) if not line.startswith('#'))
    source = f'{pattern.folder}/{method}_{pattern.tail}.py'
    return '\n'.join([*lines[:head], f'{MARK}{source}', *lines[head:]]) + '\n'


def copies() -> Iterator[tuple[Path, str]]:
    """Every file that this tool owns, with its text; patterns that it wrote itself serve the families after them."""
    written: dict[Path, str] = {}
    for pattern, places in FAMILIES.items():
        names = {*methods_of(pattern), *(path.stem.removesuffix(f'_{pattern.tail}') for path in written
                                         if path.stem.endswith(f'_{pattern.tail}'))}
        for method in sorted(names):
            source = pattern.path(method)
            text = written.get(source) or source.read_text(encoding='utf-8')
            for place in places:
                target = place.path(method)
                if method not in place.without and target not in written and not by_hand(target):
                    written[target] = copy_of(text, method, pattern, place)
    yield from written.items()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args(arguments)
    texts = dict(copies())
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding='utf-8') != text]
    orphans = [path for path in CONFIGS.rglob('*.py') if path not in texts and not by_hand(path)]
    for path in [*stale, *orphans]:
        state = 'orphan' if path in orphans else 'out of date' if args.check else 'written'
        print(f'{state}: {path.relative_to(CONFIGS)}')
        if path in stale and not args.check:
            path.write_text(texts[path], encoding='utf-8')
    return int(bool(orphans or (args.check and stale)))


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
