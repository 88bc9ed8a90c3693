"""What a workspace has on record of a plan: the plan itself, its origin, its latest rehearsal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.session import Workspace
    from tools.migrate.rehearsal import Rehearsal
    from tools.plan.model import Plan
    from tools.schema.model import Schema


def rehearsal_on_record(workspace: Workspace, plan: Plan) -> Rehearsal | None:
    """The latest rehearsal of the plan that this workspace made. Makes no workspace where there is none."""
    from knowledge.records import Records
    from tools.migrate.rehearsal import rehearsal_from_json

    if not workspace.settings.home.is_dir():
        return None
    kept = Records(workspace.store).rehearsal(plan.digest, plan.origin)
    return rehearsal_from_json(json.loads(kept)) if kept else None


def origin_on_record(workspace: Workspace, plan: Plan) -> Schema | None:
    """The schema that the plan was made for, where it was made in this workspace."""
    from knowledge.records import Records
    from tools.schema.serial import schema_from_json

    if not workspace.settings.home.is_dir():
        return None
    kept = Records(workspace.store).schema(plan.origin)
    return schema_from_json(json.loads(kept.body)) if kept else None


def keep_origin(workspace: Workspace, plan: Plan, schema: Schema) -> None:
    """So that `apply` can say what has changed since the plan was made. Makes no workspace where there is none."""
    from knowledge.records import Records
    from tools.migrate.differences import schema_text

    if workspace.settings.home.is_dir():
        Records(workspace.store).keep_schema(plan.origin, schema_text(schema))


def keep_plan(workspace: Workspace, plan: Plan) -> None:
    """So that whoever is asked in another terminal is shown the way back, and what the rehearsal measured."""
    from knowledge.records import Records
    from tools.plan.files import plan_to_yaml

    records = Records(workspace.store)
    if records.plan(plan.digest) is None:
        records.keep_plan(plan.digest, plan_to_yaml(plan), name=plan.desired_source)
