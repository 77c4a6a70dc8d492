# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Print whether rclpy of several distributions has what the package uses: NAME=TREE...

A tree is the folder of a distribution's Python package ``rclpy``, or one that holds it, such as
its sources (where what is written in C++ is read, too) or ``site-packages``. Nothing is imported.
Checked are imports, what is taken from the module ``rclpy``, keyword arguments and the number of
the others, and the methods and constants that any of the trees has. Of a ``try`` that falls back
on ImportError one branch has to be there; what the package asks for first (``getattr``,
``hasattr``, ``'keyword' in``) may be missing.
Ends with exit code 1 where something is missing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
import re
import sys

ROOT = Path(__file__).resolve().parent.parent
USERS = ('focus_stacking_ros', 'examples')
#: Names that rclpy has as well, where the package means something else: what that is.
OTHERS = {'data': 'a field of messages', 'parameters': 'of inspect.Signature',
          'successful': 'a field of rcl_interfaces/SetParametersResult'}
_CPP = re.compile(r'\.(?:def\w*|value|attr|export_values)\(\s*"(\w+)"')


@dataclass
class Signature:
    """What a function can be called with."""

    names: set[str]
    positional: int  # how many, at most
    anything: bool  # **keywords

    def takes(self, call: Call) -> bool:
        """Return whether a call fits."""
        named = self.anything or call.keywords <= self.names
        return named and call.positional <= self.positional


@dataclass(frozen=True)
class Call:
    """A call in the package; where is file:line."""

    name: str
    keywords: frozenset[str]
    positional: int
    where: str


@dataclass
class Tree:
    """What an rclpy has."""

    modules: dict[str, set[str]] = field(default_factory=dict)  # names by module
    members: set[str] = field(default_factory=set)  # of classes
    signatures: dict[str, list[Signature]] = field(default_factory=dict)  # by function or class
    compiled: set[str] = field(default_factory=set)  # what is written in C++

    def imports(self, module: str, name: str) -> bool:
        """Return whether ``from module import name`` works."""
        return name in self.modules.get(module, ()) or f'{module}.{name}' in self.modules


@dataclass
class Uses:
    """What the package uses; the values say where."""

    #: Alternatives, each a set of (module, name), of which one has to be there as a whole.
    imports: list[tuple[list[set[tuple[str, str]]], str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)  # whether it is there
    own: set[str] = field(default_factory=set)  # what classes of the package have themselves


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> Signature:
    """Return what a function takes, without self."""
    given = node.args
    both = [each.arg for each in given.posonlyargs + given.args][method:]
    return Signature({*both, *(each.arg for each in given.kwonlyargs)},
                     sys.maxsize if given.vararg else len(both), given.kwarg is not None)


def _bound(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind, also within if and try."""
    for each in statements:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield each.name
        elif isinstance(each, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition('.')[0] for alias in each.names)
        elif isinstance(each, (ast.Assign, ast.AnnAssign)):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            yield from (node.id for target in targets for node in ast.walk(target)
                        if isinstance(node, ast.Name))
        for inner in ('body', 'orelse', 'finalbody'):
            if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _bound(getattr(each, inner, []))
        for handler in getattr(each, 'handlers', []):
            yield from _bound(handler.body)


def read_tree(folder: Path) -> Tree:
    """
    Read an rclpy.

    :raises SystemExit: there is none in the folder
    """
    tree = Tree()
    package = folder if (folder / 'executors.py').is_file() else folder / 'rclpy'
    if not (package / 'executors.py').is_file():
        raise SystemExit(f'{folder} has no rclpy: it needs to be the folder of the Python '
                         'package, or the one that holds it')
    for file in sorted(package.rglob('*.py')):
        parts = ('rclpy', *file.relative_to(package).with_suffix('').parts)
        parsed = ast.parse(file.read_text(encoding='utf-8'))
        tree.modules['.'.join(parts).removesuffix('.__init__')] = set(_bound(parsed.body))
        for node in ast.walk(parsed):
            if isinstance(node, ast.ClassDef):
                _read_class(node, tree)
        for each in parsed.body:
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                tree.signatures.setdefault(each.name, []).append(signature(each, method=False))
    for file in sorted(folder.glob('src/**/*.cpp')):
        tree.compiled.update(_CPP.findall(file.read_text(encoding='utf-8')))
    return tree


def _read_class(node: ast.ClassDef, tree: Tree) -> None:
    tree.members.update(_bound(node.body))
    for each in node.body:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = node.name if each.name == '__init__' else each.name
            static = any(getattr(one, 'id', '') == 'staticmethod' for one in each.decorator_list)
            tree.signatures.setdefault(name, []).append(signature(each, method=not static))
            tree.members.update(target.attr for target in ast.walk(each)
                                if isinstance(target, ast.Attribute)
                                and isinstance(target.ctx, ast.Store))


def read_uses(files: list[Path], root: Path) -> Uses:
    """Return what Python files use; of those that do not import rclpy, nothing."""
    uses = Uses()
    for file in files:
        text = file.read_text(encoding='utf-8')
        parsed = ast.parse(text)
        for node in ast.walk(parsed):
            if isinstance(node, ast.ClassDef):
                uses.own.update(_bound(node.body))
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                uses.own.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                uses.own.add(node.attr)
        if 'rclpy' not in text and '/ros/' not in file.as_posix():
            continue
        others = {alias.asname or alias.name for node in ast.walk(parsed)
                  if isinstance(node, ast.Import) for alias in node.names} - {'rclpy'}
        alternatives: set[ast.AST] = set()
        for node in ast.walk(parsed):
            where = f'{file.relative_to(root)}:{getattr(node, "lineno", 0)}'
            if isinstance(node, ast.Try):
                branches = [node.body, *(one.body for one in node.handlers
                                         if getattr(one.type, 'id', '') == 'ImportError')]
                found = [set(_imported(branch, alternatives)) for branch in branches]
                if len(found) > 1 and found[0]:
                    uses.imports.append((found, where))
            elif isinstance(node, ast.ImportFrom) and node not in alternatives:
                uses.imports.extend(([{pair}], where) for pair in _imported([node], set()))
            elif isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Name) and node.value.id == 'rclpy':
                    uses.imports.append(([{('rclpy', node.attr)}], where))
                elif getattr(node.value, 'id', '') not in others:
                    uses.attributes.setdefault(node.attr, where)
            elif isinstance(node, ast.Call):
                if getattr(getattr(node.func, 'value', None), 'id', '') not in others:
                    _read_call(node, where, uses)
            elif (isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant)
                    and isinstance(node.ops[0], (ast.In, ast.NotIn))):
                uses.asked.setdefault(node.left.value, where)
    return uses


def _imported(statements: list[ast.stmt], seen: set[ast.AST]) -> Iterator[tuple[str, str]]:
    for each in statements:
        if isinstance(each, ast.ImportFrom) and (each.module or '').partition('.')[0] == 'rclpy':
            seen.add(each)
            yield from ((each.module or '', alias.name) for alias in each.names)


def _read_call(node: ast.Call, where: str, uses: Uses) -> None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(
        node.func, 'id', '')
    if name in {'getattr', 'hasattr'} and isinstance(node.args[1], ast.Constant):
        uses.asked.setdefault(node.args[1].value, where)
    starred = any(isinstance(each, ast.Starred) for each in node.args)
    uses.calls.append(Call(name, frozenset(each.arg for each in node.keywords if each.arg),
                           0 if starred else len(node.args), where))


def known_to(trees: dict[str, Tree], uses: Uses) -> tuple[set[str], list[Call]]:
    """Return the attributes and the calls of the package that are of some rclpy."""
    members = set().union(*(tree.members for tree in trees.values()))
    names = {name for name in {*uses.attributes, *uses.asked}
             if name in members and name not in uses.own and name not in OTHERS}
    signed = set().union(*(tree.signatures for tree in trees.values()))
    calls = [call for call in uses.calls
             if call.name in signed and call.name not in uses.own and call.name not in OTHERS]
    return names, calls


def missing_in(tree: Tree, uses: Uses, names: set[str], calls: list[Call]) -> list[str]:
    """Return what a tree lacks, with where it is used; sorted."""
    lines = [f'{where}: from {module} import {name}'
             for branches, where in uses.imports
             if not any(all(tree.imports(*pair) for pair in branch) for branch in branches)
             for module, name in branches[0] if not tree.imports(module, name)]
    lines += [f'{uses.attributes[name]}: {name}' for name in names - set(uses.asked)
              if name not in tree.members | tree.compiled and name not in tree.signatures]
    for call in calls:
        signatures = tree.signatures.get(call.name)
        certain = replace(call, keywords=call.keywords - set(uses.asked))
        if signatures and not any(each.takes(certain) for each in signatures):
            lines.append(f'{call.where}: {call.name}(...), {call.positional} arguments and '
                         f'{", ".join(sorted(call.keywords)) or "no keywords"}')
    return sorted(set(lines))


def without(tree: Tree, uses: Uses, names: set[str], calls: list[Call]) -> list[str]:
    """Return what a tree lacks and the package goes without, or has another name for."""
    found = {f'`{module}.{name}`' for branches, _ in uses.imports if len(branches) > 1
             for module, name in branches[0] if not tree.imports(module, name)}
    found |= {f'`{call.name}({keyword})`' for call in calls
              for keyword in call.keywords & set(uses.asked)
              if not any(keyword in each.names for each in tree.signatures.get(call.name, ()))}
    keywords = set().union(*(call.keywords for call in calls))
    return sorted(found | {f'`{name}`' for name in (names & set(uses.asked)) - keywords
                           if name not in tree.members | tree.compiled})


def main(arguments: list[str]) -> int:
    """Print the table; returns 1 if something is missing."""
    folders = dict(argument.split('=', 1) for argument in arguments)
    trees = {name: read_tree(Path(folder)) for name, folder in folders.items()}
    uses = read_uses(sorted(file for part in USERS for file in (ROOT / part).rglob('*.py')), ROOT)
    names, calls = known_to(trees, uses)
    imports = set().union(*(branch for branches, _ in uses.imports for branch in branches))
    missing = {name: missing_in(tree, uses, names, calls) for name, tree in trees.items()}
    print(f'{len(imports)} imports, {len(names)} methods and constants, {len(calls)} calls\n')
    print('| rclpy | Missing | Done without |\n| --- | --- | --- |')
    for name, tree in trees.items():
        print(f'| {name} | {len(missing[name]) or "nothing"} '
              f'| {", ".join(without(tree, uses, names, calls)) or "nothing"} |')
    print(*('', *(f'{name}: {line}' for name, lines in missing.items() for line in lines)),
          sep='\n', end='')
    return int(any(missing.values()))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
