"""What a machine can see of the style rules: `python .ci/style.py [FILE ...]`, all by default."""
import ast
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = '__init__.py', '_modidx.py'
MODULES = [p for p in sorted((ROOT/'cityseg').glob('*.py')) if p.name not in GENERATED]
SOURCES = [*MODULES, *sorted((ROOT/'.ci').glob('*.py')), ROOT/'setup.py']
NOTEBOOKS = [p for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts]

COLUMNS = 110
MODULE_LINES = 500
FUNCTION_LINES = 45  # with its signature, whose arguments stand in a line each
LOOP_LINES = 60  # of `train`, which shows the whole loop on one screen
SHORT_METHOD_LINES = 10  # a method shorter than that may go without a docstring
COMPREHENSIONS = ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef
COMPOUND = *FUNCTIONS, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.ExceptHandler


def rooms() -> dict[str, int]:
    "The number of each room's notebook, {module: number}."
    numbered = [re.fullmatch(r'(\d\d)_(\w+)', p.stem) for p in (ROOT/'nbs').glob('*.ipynb')]
    return {found[2]: int(found[1]) for found in numbered if found}


def column_faults(lines: list[str]) -> Iterator[str]:
    "Lines that are too long; those that nbdev writes don't count."
    generated = '__all__ = ', "           '"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and not line.startswith(generated):
            yield f'{number}: {len(line)} columns; at most {COLUMNS}'


def statement_faults(tree: ast.Module, lines: list[str]) -> Iterator[str]:
    "Puzzles: nested comprehensions, many names in one assignment, much after a colon, programs in strings."
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            inside = [n for n in ast.walk(node) if isinstance(n, COMPREHENSIONS)]
            if len(inside) > 1:
                yield f'{node.lineno}: a comprehension in a comprehension'
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = len(node.targets[0].elts)
            if names > names_allowed(node.value):
                yield f'{node.lineno}: {names} names in one assignment; at most {names_allowed(node.value)}'
        if isinstance(node, COMPOUND) and node.body[0].lineno == node.lineno:
            if len(lines[node.lineno - 1]) > 80:
                yield f'{node.lineno}: a statement after a colon, in a long line'
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and is_program(node):
            yield f'{node.lineno}: a program in a string; make it a function or a file'


def names_allowed(value: ast.expr) -> int:
    "How many names may take the parts of a value: two for several values, four for one, as of a rectangle."
    return 2 if isinstance(value, (ast.Tuple, *COMPREHENSIONS)) else 4


def is_program(node: ast.expr) -> bool:
    "Is this string, of several lines, Python with statements in it?"
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else '0' for part in node.values]
        text = ''.join(parts)
    else:
        text = node.value
    if not isinstance(text, str) or '\n' not in text.strip():
        return False
    try:
        statements = ast.parse(textwrap.dedent(text)).body
    except (SyntaxError, ValueError):
        return False
    is_expression = [isinstance(s, (ast.Expr, ast.AnnAssign)) for s in statements]
    return len(statements) > 1 and not all(is_expression)


def public_functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    "The functions and methods that others call, as (name, node)."
    for node in tree.body:
        if isinstance(node, FUNCTIONS) and not node.name.startswith('_'):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
            for method in node.body:
                is_called = isinstance(method, FUNCTIONS) and not method.name.startswith('_')
                if is_called or getattr(method, 'name', '') in ('__init__', '__call__'):
                    yield f'{node.name}.{method.name}', method


def signature_faults(tree: ast.Module) -> Iterator[str]:
    "Public things without a docstring, their arguments without a type, functions that are too long."
    for name, function in public_functions(tree):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        for argument in arguments:
            if argument.annotation is None and argument.arg not in ('self', 'cls'):
                yield f'{function.lineno}: {name}({argument.arg}) has no type'
        is_short_method = '.' in name and function.end_lineno - function.lineno < SHORT_METHOD_LINES
        if not ast.get_docstring(function) and not is_short_method and not name.endswith(('__', '.forward')):
            yield f'{function.lineno}: {name} has no docstring'
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_') and not ast.get_docstring(node):
            yield f'{node.lineno}: {node.name} has no docstring'
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            length = node.end_lineno - node.lineno + 1
            most = LOOP_LINES if node.name == 'train' else FUNCTION_LINES
            if length > most:
                yield f'{node.lineno}: {node.name} has {length} lines; at most {most}'


def imported_names(tree: ast.Module) -> Iterator[tuple]:
    "Everything that is imported, as (line, module, name or None); a module of cityseg without its package."
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name.removeprefix('cityseg.'), None
        if isinstance(node, ast.ImportFrom):
            module = (node.module or 'cityseg').removeprefix('cityseg.')
            for name in node.names:
                if module == 'cityseg':
                    yield node.lineno, name.name, None
                else:
                    yield node.lineno, module, name.name


def import_faults(tree: ast.Module, room: str) -> Iterator[str]:
    "Private names of other rooms."
    numbers = rooms()
    for line, module, name in imported_names(tree):
        if module in numbers and module != room and name and name.startswith('_'):
            yield f'{line}: {name} is private to {module}'


def order_faults(tree: ast.Module, room: str) -> Iterator[str]:
    "Imports of later rooms, and of what only the notebooks may use."
    numbers = rooms()
    for line, module in sorted({(line, module) for line, module, _ in imported_names(tree)}):
        if numbers.get(module, -1) >= numbers.get(room, 100):
            yield f'{line}: {module} is no earlier room'
        if module.split('.')[0] in ('nbdev', 'fastcore'):
            yield f'{line}: {module} is for the notebooks only'


def module_faults(path: Path) -> Iterator[str]:
    "Every fault of a module's style, a sentence each."
    text = path.read_text(encoding='utf-8')
    lines = text.splitlines()
    tree = ast.parse(text)
    if len(lines) > MODULE_LINES:
        yield f'{len(lines)} lines; at most {MODULE_LINES}'
    if path.parent.name == 'cityseg' and path.stem not in rooms():
        yield f'no notebook nbs/NN_{path.stem}.ipynb'
    yield from column_faults(lines)
    yield from statement_faults(tree, lines)
    yield from signature_faults(tree)
    yield from import_faults(tree, path.stem)
    yield from order_faults(tree, path.stem)


def python_of(source: str) -> str:
    "A code cell without what only IPython understands, line by line."
    if source.startswith('%%') and not source.startswith(('%%time', '%%capture')):
        return ''
    return re.sub(r'(?m)^(\s*)[%!].*$', r'\1pass', source)


def notebook_faults(path: Path) -> Iterator[str]:
    "Every fault of a notebook's form and of its code's style, a sentence each."
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    room = re.sub(r'^\d\d_', '', path.stem)
    is_test = path.parent.name == 'tests'
    sources = [''.join(cell['source']) for cell in cells]
    if not re.match(r'(<!-- only: -->\n)?# .+\n+> ', sources[0]):
        yield 'does not begin with a title (#) and a line that says more (>)'
    if is_test and any(source.startswith('#| default_exp') for source in sources):
        yield 'a notebook of tests exports nothing'
    if path.stem in [f'{number:02d}_{name}' for name, number in rooms().items()] and not is_test:
        if f'#| default_exp {room}' not in sources:
            yield f'does not say `#| default_exp {room}`'
    for number, cell in enumerate(cells):
        if cell['cell_type'] == 'code':
            for fault in cell_faults(sources[number], room):
                yield f'cell {number}, line {fault}'


def cell_faults(source: str, room: str) -> Iterator[str]:
    "The faults of one code cell."
    lines = python_of(source).splitlines()
    yield from column_faults(lines)
    try:
        tree = ast.parse('\n'.join(lines))
    except SyntaxError as error:
        yield f'{error.lineno}: {error.msg}'
        return
    yield from statement_faults(tree, lines)
    yield from import_faults(tree, room)


def ruff_faults(paths: list[Path]) -> Iterator[str]:
    "What ruff says under .ruff.toml, a line each."
    command = [sys.executable, '-m', 'ruff', 'check', '--output-format', 'concise', '--quiet']
    said = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, cwd=ROOT)
    if said.stderr:
        yield said.stderr.strip()
    yield from said.stdout.splitlines()


def style_faults(paths: list[Path]) -> list[str]:
    "Every fault of these modules and notebooks."
    paths = [path.resolve() for path in paths]
    faults = []
    for path in paths:
        found = notebook_faults(path) if path.suffix == '.ipynb' else module_faults(path)
        faults += [f'{path.relative_to(ROOT)}: {fault}' for fault in found]
    return faults + list(ruff_faults(paths))


if __name__ == '__main__':
    chosen = [Path(argument) for argument in sys.argv[1:]]
    sys.exit('\n'.join(style_faults(chosen or [*SOURCES, *NOTEBOOKS])) or 0)
