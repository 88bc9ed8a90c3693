"""The words of a roadmap that every migration shares: phases, sections and the developer checklist."""

from __future__ import annotations

PHASES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Schema Gap Analysis",
     ("Compare the desired schema to the current one and to the codebase",
      "List all changes needed (tables, fields, types, indexes)"),
     ("No changes yet; just analysis and planning",)),
    ("Incremental Schema Upgrade",
     ("Add new tables/fields as optional (avoid breaking existing code)",
      "Update validators/types and add new indexes"),
     ("Do not remove or rename fields in a single step—deprecate first",
      "Add new fields as optional, keep old fields until migration is complete")),
    ("Codebase Refactor",
     ("Update backend logic (models, mutations, queries) to support the new schema",
      "Update frontend to read/write new fields, maintain compatibility"),
     ("Refactor in small, testable increments", "Use feature flags or toggles for risky changes")),
    ("Data Migration",
     ("Write/run scripts or mutations to backfill and migrate data", "Validate data integrity at each step"),
     ("Take full backups before each migration step", "Plan for rollback; every migration step should be reversible")),
    ("Testing & QA",
     ("Expand automated and manual tests for all core flows", "Test with both old and new data"),
     ("Monitor for errors and regressions at each step",)),
    ("Deprecate & Clean Up",
     ("Remove old fields/tables only after migration is complete and tested", "Remove legacy code"),
     ("Clean up only after full validation and sign-off",)),
    ("Launch & Monitor",
     ("Monitor for errors, performance, and data issues post-migration", "Rollback if any critical issues are found"),
     ("Keep rollback plan and backups ready",)),
)  # fmt: skip
"""(title, deliverables, safety rules), in their order."""

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Add New Tables", ()),
    ("Update Existing Tables", ("Add New Tables",)),
    ("Add/Update Indexes", ("Add New Tables", "Update Existing Tables")),
    ("Update Validators/Types", ("Update Existing Tables",)),
    ("Update Backend Logic", ("Add/Update Indexes", "Update Validators/Types")),
    ("Update Frontend", ("Update Backend Logic",)),
    ("Data Migration", ("Update Backend Logic",)),
    ("Testing & QA", ("Update Frontend", "Data Migration")),
    ("Deprecate & Clean Up", ("Testing & QA",)),
    ("Launch & Monitor", ("Deprecate & Clean Up",)),
)
"""(title, the sections that its tasks wait for), in their order."""

CHECKLIST: tuple[str, ...] = (
    "Schema gap analysis complete",
    "New tables/fields added as optional",
    "Backend and frontend refactored for new schema",
    "Data migration scripts run and validated",
    "All core flows tested (old and new data)",
    "Deprecated fields/tables removed after validation",
    "Launch and monitor with rollback plan in place",
)

FOLLOWS: tuple[tuple[str, str], ...] = (
    (r"new tables/fields added", r"add new tables|update existing tables|indexes|validators|schema file update"),
    (r"backend and frontend refactored", r"backend|frontend|code changes|codebase refactor"),
    (r"data migration scripts run", r"data migration|migrate the data"),
    (r"core flows tested", r"testing|\bqa\b"),
    (r"deprecated fields/tables removed", r"deprecate|clean up|contract"),
    (r"launch and monitor", r"launch|monitor"),
)
"""(an item of the checklist, the titles of the sections that make it true), as patterns."""
