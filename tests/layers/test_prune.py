"""Rules leave out what they say and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from layers import prune
from layers.failure import BuildFailed
from layers.recipes import Drop, Trim

Tree = Callable[..., Path]


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in prune.files(root)}


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("a/*.py", {"a/one.py"}),
        ("a/**", {"a/one.py", "a/b/two.py", "a/b/tests/three.py"}),
        ("**/tests/**", {"a/b/tests/three.py", "tests/four.py"}),
        ("**/*.py", {"a/one.py", "a/b/two.py", "a/b/tests/three.py", "tests/four.py"}),
        ("{a/one,tests/four}.py", {"a/one.py", "tests/four.py"}),
    ],
)
def test_a_star_stays_in_its_folder_and_two_stars_do_not(tree: Tree, pattern: str, left_out: set[str]) -> None:
    every = {"a/one.py", "a/b/two.py", "a/b/tests/three.py", "tests/four.py", "a.txt"}
    root = tree(*every)
    prune.drop(root, [Drop(pattern, "for the test")])
    assert names(root) == every - left_out


def test_what_a_rule_spares_stays(tree: Tree) -> None:
    root = tree("ccxt/__init__.py", "ccxt/kraken.py", "ccxt/other.py")
    prune.drop(root, [Drop("ccxt/*.py", "unused", but="ccxt/{__init__,kraken}.py")])
    assert names(root) == {"ccxt/__init__.py", "ccxt/kraken.py"}


def test_folders_left_empty_go_too(tree: Tree) -> None:
    root = tree("a/b/c/one.py", "two.py")
    prune.drop(root, [Drop("a/**", "unused")])
    assert not (root / "a").exists()


def test_a_rule_that_matches_nothing_fails_by_name(tree: Tree) -> None:
    with pytest.raises(BuildFailed, match=r"'gone/\*\*' \(unused\) matches nothing; mend it in layers/recipes.py"):
        prune.drop(tree("here.py"), [Drop("gone/**", "unused")])


def test_lines_of_a_module_are_left_out_by_the_name_they_carry(tree: Tree) -> None:
    root = tree("p/__init__.py")
    (root / "p/__init__.py").write_text("from p.a import a\nfrom p.b import b\nnames = [\n    'a',\n    'b',\n]\n")
    prune.trim(root, [Trim("p/__init__.py", r"from p\.(\w+) import|    '(\w+)',", but=("b",), why="it imports all")])
    assert (root / "p/__init__.py").read_text() == "from p.b import b\nnames = [\n    'b',\n]\n"


def test_trimming_leaves_other_links_to_the_same_file_alone(tree: Tree, tmp_path: Path) -> None:
    root = tree("p.py")
    cached = tmp_path / "cached.py"
    cached.hardlink_to(root / "p.py")
    prune.trim(root, [Trim("p.py", r"(p)", but=(), why="for the test")])
    assert cached.read_text() == "p.py"


def test_a_trim_without_a_match_fails_by_name(tree: Tree) -> None:
    with pytest.raises(BuildFailed, match=r"The rule for p.py \(unused\) matches nothing"):
        prune.trim(tree("p.py"), [Trim("p.py", r"absent (\w+)", but=(), why="unused")])
