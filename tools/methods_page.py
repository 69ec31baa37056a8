"""Write the rows of docs/methods.md from the heads of configs/methods; --check only says what is out of date.

    python tools/methods_page.py

The comment at the top of a method's config holds its row: `# section:` names the heading of the page, every other key a
column of the table there, and an indented line goes on with the one above. The recipe is the name of the file, the code
that of the classes which the config names, the cost is counted on feature files (`# cost:` adds words to it). Rows keep
their place, new ones come last. What has no head there (headings, text, a row that names another table's recipe) is
left as it is.
"""

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from mmda_ext.apis.one_line_errors import run_with_one_line_errors  # noqa: E402

PAGE = Path('docs', 'methods.md')
METHODS = Path('configs', 'methods')
#: Packages whose classes a row names as its code.
ROOMS = ('balancing', 'models.objectives', 'models.fusions', 'models.heads')
Cost = Callable[[str], tuple[float, float]]


def read_head(path: Path) -> dict[str, str]:
    """Keys of the comment at the top of a config, from `section` on; what stands before is for readers."""
    cells: dict[str, str] = {}
    last = ''
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            break
        found = re.fullmatch(r'# ([a-z ]+): (.+)', line)
        if found and (cells or found[1] == 'section'):
            last = found[1]
            cells[last] = found[2].strip()
        elif line.startswith('#     ') and last:
            cells[last] += ' ' + line[1:].strip()
        else:
            last = ''
    return cells


def split_row(line: str) -> list[str]:
    """Cells of one line of a table."""
    return [cell.strip() for cell in line.strip().removeprefix('|').removesuffix('|').split('|')]


def join_row(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells).replace('|  |', '| |').replace('|  |', '| |') + (' |' if cells[-1] else '|')


def recipes_of(cell: str) -> list[str]:
    return re.findall(r'`([^`]+)`', cell)


def tables(lines: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Heading, and first and last line (exclusive) of every table under one; the head of the table is the first."""
    heading, begin = '', None
    for index, line in enumerate([*lines, '']):
        if line.startswith('## '):
            heading = line[3:]
        if line.startswith('|') and begin is None:
            begin = index
        elif not line.startswith('|') and begin is not None:
            yield heading, begin, index
            begin = None


def code_of(path: Path) -> str:
    """The classes that a config names, with their files."""
    named = dict.fromkeys(re.findall(r'mmda_ext\.(\w+)', path.read_text(encoding='utf-8')))
    files = {}
    for room in ROOMS:
        for name, member in vars(importlib.import_module(f'mmda_ext.{room}')).items():
            if name in named and isinstance(member, type):
                files[name] = member.__module__.removeprefix('mmda_ext.').replace('.', '/') + '.py'
    return ', '.join(f'`{name}`: `{files[name]}`' for name in named if name in files)


def row(name: str, head: dict[str, str], columns: Sequence[str], cost: Cost) -> str:
    """The line of a method in a table with these columns.

    Raises:
        ValueError: If the head has a key that is no column of its table.
    """
    unknown = sorted(set(head) - set(columns) - {'section'})
    if unknown or columns[0] not in head:
        raise ValueError(f'{METHODS}/{name}.py: the head must say {columns[0]!r} and may say '
                         f'{", ".join(key for key in columns[1:] if key != "recipe")} for its table '
                         f'{head["section"]!r}; it says {", ".join(map(repr, head))}')
    made = {'recipe': f'`{name}`', 'code': head.get('code') or code_of(METHODS / f'{name}.py'),
            'cost': ', '.join(filter(None, [' + '.join(f'{number:g}' for number in cost(name)), head.get('cost')]))}
    return join_row([made.get(key, head.get(key, '')) for key in columns])


def render(text: str, cost: Cost) -> str:
    """The page with the rows that the configs say.

    Raises:
        ValueError: If a config names a section that the page has not.
    """
    heads = {path.stem: head for path in sorted(METHODS.glob('*.py')) if (head := read_head(path))}
    lines = text.splitlines()
    places = list(tables(lines))
    known = [heading for heading, *_ in places]
    for name, head in heads.items():
        if head['section'] not in known:
            raise ValueError(f'{METHODS}/{name}.py: {PAGE} has no table under the heading {head["section"]!r}: '
                             f'choose one of {", ".join(known)}')
    for heading, begin, end in reversed(places):
        columns = split_row(lines[begin])
        mine = {name: head for name, head in heads.items() if head['section'] == heading}
        rows = []
        for line in lines[begin + 2:end]:
            names = recipes_of(split_row(line)[columns.index('recipe')])
            if names[:1] in ([name] for name in mine):
                rows.append(row(names[0], mine.pop(names[0]), columns, cost))
            elif any((METHODS / f'{name}.py').exists() for name in names):
                rows.append(line)
        rows += [row(name, head, columns, cost) for name, head in mine.items()]
        lines[begin + 2:end] = rows
    return '\n'.join(lines) + '\n'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 if a row is out of date')
    args = parser.parse_args(arguments)
    if not PAGE.is_file():
        print(f'error: no {PAGE} here: run the command in the root of the repository')
        return 2
    from encoder_passes import passes_of
    before = PAGE.read_text(encoding='utf-8')
    after = render(before, passes_of)
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in '+-']
    print('\n'.join(changed) if changed else f'{PAGE} is up to date')
    if args.check:
        # A row that is not there yet is no mistake of the page: the next call of the command adds it.
        return int(any(line[0] == '-' for line in changed))
    PAGE.write_text(after, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main, grace_s=None))
