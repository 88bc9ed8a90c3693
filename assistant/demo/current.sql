-- dialect: postgres
-- What the product runs on today: agents locked to one industry, and two legacy tables beside them.

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
    id            bigint PRIMARY KEY,
    unique_id     text NOT NULL UNIQUE,
    name          text NOT NULL,
    title         text,
    description   text,
    system_prompt text,
    industry_id   bigint NOT NULL REFERENCES industries (id),
    priority      text,
    status        text,
    is_active     boolean NOT NULL DEFAULT true,
    legacy_code   text,
    created_at    timestamp NOT NULL
);

CREATE INDEX agents_by_industry ON agents (industry_id);

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
