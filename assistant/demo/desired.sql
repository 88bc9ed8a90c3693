-- dialect: postgres
-- What the team wants: one agents table ready for several industries, for delegation, a registry and variants.
-- The same file is planned for SQLite, DuckDB and Postgres.

CREATE TABLE industries (
    id          bigint PRIMARY KEY,
    code        text NOT NULL UNIQUE,
    name        text NOT NULL
);

CREATE TABLE personas (
    id          bigint PRIMARY KEY,
    code        text NOT NULL UNIQUE,
    name        text NOT NULL
);

CREATE TABLE agents (
    id                  bigint PRIMARY KEY,
    unique_id           text NOT NULL UNIQUE,
    name                text NOT NULL,
    display_name        text,                                  -- was: title
    description         text,
    system_prompt       text,
    industry_id         bigint NOT NULL REFERENCES industries (id),
    priority            integer,                               -- was: text
    status              text NOT NULL,                         -- was: nullable
    is_active           boolean NOT NULL DEFAULT true,
    created_at          timestamp NOT NULL,
    -- orchestration
    can_delegate        boolean NOT NULL DEFAULT false,
    escalation_agent_id bigint REFERENCES agents (id),
    -- registry
    visibility          text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'public')),
    version             text NOT NULL DEFAULT '1.0.0',
    -- metadata, and variants of one agent
    metadata            jsonb,
    parent_agent_id     bigint REFERENCES agents (id)
);

CREATE INDEX agents_by_industry ON agents (industry_id);
CREATE INDEX agents_by_parent ON agents (parent_agent_id);
CREATE INDEX agents_by_visibility ON agents (visibility, status);

CREATE TABLE agent_industry_mapping (
    id           bigint PRIMARY KEY,
    agent_id     bigint NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    industry_id  bigint NOT NULL REFERENCES industries (id),
    is_primary   boolean NOT NULL DEFAULT false,
    success_rate numeric(5, 2),
    UNIQUE (agent_id, industry_id)
);

CREATE INDEX agent_industry_mapping_by_industry ON agent_industry_mapping (industry_id);

CREATE TABLE agent_persona_mapping (
    id           bigint PRIMARY KEY,
    agent_id     bigint NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    persona_id   bigint NOT NULL REFERENCES personas (id),
    interaction  text NOT NULL DEFAULT 'supports',
    UNIQUE (agent_id, persona_id)
);

CREATE INDEX agent_persona_mapping_by_persona ON agent_persona_mapping (persona_id);

-- The legacy tables stay: merging their rows is a data migration of its own.
CREATE TABLE dh_agent (
    id            bigint PRIMARY KEY,
    unique_id     text NOT NULL UNIQUE,
    name          text NOT NULL,
    role          text,
    metadata      text,
    created_at    timestamp NOT NULL
);

CREATE TABLE ai_agents (
    id            bigint PRIMARY KEY,
    unique_id     text NOT NULL UNIQUE,
    display_name  text NOT NULL,
    model         text,
    config        text,
    created_at    timestamp NOT NULL
);
