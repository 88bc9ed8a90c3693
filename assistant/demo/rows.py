"""The rows of the demo, from one seed: the same on every machine and on every backend."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

SEED = 182
AGENTS = 182
DH_AGENTS, DH_SHARED = 34, 9
AI_AGENTS, AI_SHARED = 31, 8

Row = tuple[object, ...]

_INDUSTRIES = ("pharma", "biotech", "medtech", "payer", "provider", "research", "logistics", "regulatory")
_PERSONAS = ("analyst", "brand lead", "field lead", "medical writer", "patient advocate", "pricing lead",
             "programme lead", "quality lead", "safety officer", "statistician", "trial lead", "trainer")  # fmt: skip
_AREAS = ("launch", "pricing", "safety", "trial", "market access", "labelling", "evidence", "congress", "training",
          "forecast", "supply", "privacy", "quality")  # fmt: skip
_ROLES = ("planner", "reviewer", "writer", "monitor", "scout", "archivist", "coach")
_BEGIN = datetime(2025, 1, 6, 9, 0)


def generate() -> dict[str, list[Row]]:
    """Rows by table, in the column order of current.sql.

    Altogether 182 agents, and 65 legacy rows of which 17 share, their prefix aside, a unique_id with `agents`: 230
    different agents once they are merged.
    """
    random_ = random.Random(SEED)
    codes = _codes(random_)
    agents = [_agent(number, codes[number - 1], random_) for number in range(1, AGENTS + 1)]
    fresh = iter(codes[AGENTS:])
    dh_codes = random_.sample(codes[:AGENTS], DH_SHARED) + [next(fresh) for _ in range(DH_AGENTS - DH_SHARED)]
    ai_codes = random_.sample(codes[:AGENTS], AI_SHARED) + [next(fresh) for _ in range(AI_AGENTS - AI_SHARED)]
    return {
        "industries": [(n, code, code.title()) for n, code in enumerate(_INDUSTRIES, 1)],
        "personas": [(n, name.replace(" ", "_"), name.capitalize()) for n, name in enumerate(_PERSONAS, 1)],
        "agents": agents,
        "dh_agent": [_dh_agent(n, code, random_) for n, code in enumerate(dh_codes, 1)],
        "ai_agents": [_ai_agent(n, code, random_) for n, code in enumerate(ai_codes, 1)],
    }


def _codes(random_: random.Random) -> list[str]:
    codes = [f"{area}_{role}_{n}".replace(" ", "_").upper() for area in _AREAS for role in _ROLES for n in (1, 2, 3)]
    random_.shuffle(codes)
    return codes


def _agent(number: int, code: str, random_: random.Random) -> Row:
    name = _name(code)
    status = random_.choice(("active", "active", "draft", None))
    return (
        number, code, name,
        f"{name} for {random_.choice(_AREAS)}" if random_.random() < 0.9 else None,
        f"Helps the team with {random_.choice(_AREAS)} work.",
        f"You are {name}. Answer briefly and cite your source.",
        1,  # every agent is locked to the same industry
        str(random_.randint(1, 5)) if random_.random() < 0.95 else None,
        status, random_.random() < 0.85,
        f"L-{random_.randint(1000, 9999)}" if random_.random() < 0.4 else None,
        _moment(number),
    )  # fmt: skip


def _dh_agent(number: int, code: str, random_: random.Random) -> Row:
    metadata = json.dumps({"industry": random_.choice(_INDUSTRIES), "tier": random_.randint(1, 3)})
    return (number, f"DH_AGENT_{code}", _name(code), random_.choice(_ROLES), metadata, _moment(300 + number))


def _ai_agent(number: int, code: str, random_: random.Random) -> Row:
    config = json.dumps({"temperature": random_.choice((0.0, 0.2, 0.7)), "industries": random_.sample(_INDUSTRIES, 2)})
    return (number, f"AI_AGENT_{code}", _name(code), random_.choice(("small", "large")), config, _moment(400 + number))


def _name(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _moment(number: int) -> str:
    return (_BEGIN + timedelta(hours=7 * number)).isoformat(sep=" ")
