"""What the steps of a plan are called, and on which backends each is made. Every one is shown by a folder of
tests/fixtures/plans on each of them."""

from __future__ import annotations

from tools.location import DIALECTS, Dialect

_POSTGRES: tuple[Dialect, ...] = ("postgres",)
_NOT_SQLITE: tuple[Dialect, ...] = ("duckdb", "postgres")
_WITH_TRIGGERS: tuple[Dialect, ...] = ("sqlite", "postgres")

OPERATIONS: dict[str, tuple[Dialect, ...]] = {
    **dict.fromkeys(
        (
            "baseline", "add_column", "rename_column", "change_type", "rename_table", "drop_not_null", "create_table",
            "create_index", "drop_index", "create_view", "change_view", "drop_view", "deploy_code", "backfill",
            "fill_nulls", "verify_rows", "sign_off", "drop_table", "proof",
        ),
        DIALECTS,
    ),
    **dict.fromkeys(("create_trigger", "drop_trigger", "stop_dual_write"), _WITH_TRIGGERS),
    "rebuild_table": ("sqlite", "duckdb"),
    **dict.fromkeys(
        (
            "create_enum", "change_enum", "drop_enum", "change_default", "create_sequence", "create_comment",
            "change_comment", "drop_comment",
        ),
        _NOT_SQLITE,
    ),
    **dict.fromkeys(
        (
            "add_enum_value", "change_sequence", "drop_sequence", "enlarge_column",
            "finish_rename", "finish_type_change", "drop_column", "hold_not_null", "set_not_null", "add_check",
            "drop_check", "add_foreign_key", "drop_foreign_key", "validate", "change_keys", "create_check",
            "change_check", "create_partition", "hold_default_partition", "set_storage", "set_parameters", "set_logged",
            "create_function", "change_function", "drop_function", "create_policy", "change_policy", "drop_policy",
            "create_privilege", "change_privilege",
            "drop_privilege", "create_domain", "drop_domain", "create_type", "drop_type", "create_extension",
            "rename_index", "change_trigger", "hold_domain", "validate_domain", "change_domain", "change_composite",
            "detach_partition", "hold_partition", "move_partition", "note_changes", "set_aside",
        ),
        _POSTGRES,
    ),
}  # fmt: skip

NEED_USAGES = ("add_flag", "switch_flag", "remove_flag")
"""Steps for people that are made only where the code is known."""
NEED_NO_UNDO: dict[str, tuple[Dialect, ...]] = {"drop_sequence": ("duckdb",)}
"""What no SQL undoes: only a backup brings it back."""
