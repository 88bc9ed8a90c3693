"""Usages over 5,000 source files, against tree-sitter parsing the files in which the names occur, and a second scan.

Prints seconds and ratios; the code is made here, with a fixed seed. Run it by `make bench`.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from tools.schema.model import Column, Schema, Table
from tools.usages.files import source_files
from tools.usages.model import Names
from tools.usages.scan import find_usages
from tools.usages.typescript import parser

FILES, TABLES, SHARE = 5_000, 60, 0.3


def make_code(folder: Path, rng: random.Random, tables: list[str]) -> None:
    """FILES TypeScript files of some 150 lines; SHARE of them use one or two tables."""
    for number in range(FILES):
        users = rng.sample(tables, 2) if rng.random() < SHARE else []
        parts = [f'import {{ thing{i} }} from "./m{i}";' for i in range(5)]
        for i in range(12):
            parts.append(
                f"export function f{i}(a: number, b: string) {{\n"
                f"  const list = [a, {i}].map((x) => x * {rng.randint(1, 99)});\n"
                f"  if (b.length > {i}) {{\n    return {{ total: list.length, label: `${{b}}-{i}` }};\n  }}\n"
                f"  return {{ total: 0, label: b.trim().toUpperCase() }};\n}}"
            )
        for table in users:
            parts.append(
                f"export async function use_{table}(ctx: any, id: any) {{\n"
                f'  const rows = await ctx.db.query("{table}").withIndex("by", (q) => q.eq("c1", 3)).collect();\n'
                f"  for (const row of rows) {{\n    console.log(row.c2, row.c3);\n  }}\n"
                f'  await ctx.db.insert("{table}", {{ c1: 1, c4: rows.length }});\n  return rows.map((r) => r.c5);\n}}'
            )
        path = folder / f"d{number % 50}" / f"file{number}.ts"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(parts), encoding="utf-8")


def parse_all(folder: Path, names: Names) -> tuple[int, int]:
    found = [text for path in source_files(folder) if names.pattern.search(text := path.read_bytes())]
    for text in found:
        parser(False).parse(text)
    return len(found), sum(map(len, found))


def main() -> None:
    tables = [f"things_{number}" for number in range(TABLES)]
    schema = Schema("postgres", tuple(Table(t, tuple(Column(f"c{i}", "text") for i in range(8))) for t in tables))
    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary) / "code", Path(temporary) / "usages.json"
        folder.mkdir()
        make_code(folder, random.Random(7), tables)
        parser(False)
        start = time.perf_counter()
        files, size = parse_all(folder, Names.of([schema]))
        alone = time.perf_counter()
        usages = find_usages(folder, [schema], cache)
        first = time.perf_counter()
        again = find_usages(folder, [schema], cache)
        second = time.perf_counter()
    assert usages == again
    alone, first, second = alone - start, first - alone, second - first
    print(f"tree-sitter alone, {files:,} of {FILES:,} files ({size / 1e6:.1f} MB): {alone:.2f} s")
    print(f"first scan, {len(usages):,} usages: {first:.2f} s, {first / alone:.2f} of it (at most 2)")
    print(f"second scan: {second:.2f} s, {second / first:.2f} of the first (at most 0.1)")


if __name__ == "__main__":
    main()
