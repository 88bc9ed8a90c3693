"""The catalog queries for what one statement makes: functions, domains, composite types, policies, comments and more.

Each gives `namespace`, `"table"` ("" for none), `kind`, `name`, `form`, `"create"`, `"drop"`, as SchemaObject has them.
"""

from __future__ import annotations

from tools.schema.postgres_catalog import HERE, called, needs, own
from tools.schema.postgres_privileges import PRIVILEGES

# pg_get_functiondef refuses aggregates: they are kept out before any function of it is called.
FUNCTIONS = f"""
    SELECT n.nspname AS namespace, '' AS "table", 'function' AS kind,
           p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
           rtrim(pg_get_functiondef(p.oid), E'\\n') AS form, rtrim(pg_get_functiondef(p.oid), E'\\n') AS "create",
           {needs("pg_proc", "p.oid")} AS needs,
           CASE p.prokind WHEN 'p' THEN 'DROP PROCEDURE ' ELSE 'DROP FUNCTION ' END || p.oid::regprocedure AS "drop"
    FROM (SELECT * FROM pg_proc WHERE prokind <> 'a' ORDER BY proname, oid OFFSET 0) p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {HERE} AND {own("pg_proc", "p.oid")} ORDER BY p.proname, 4"""

_DOMAIN = """t.oid::regtype || ' AS ' || format_type(t.typbasetype, t.typtypmod)
               || CASE WHEN t.typcollation <> b.typcollation THEN
                   (SELECT ' COLLATE ' || quote_ident(co.collname) FROM pg_collation co WHERE co.oid = t.typcollation)
                  ELSE '' END
               || COALESCE(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END"""

DOMAINS = f"""
    SELECT n.nspname AS namespace, '' AS "table", 'domain' AS kind, t.typname AS name,
           {_DOMAIN} || COALESCE((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), ''
                                                ORDER BY pg_get_constraintdef(k.oid))
                     FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '') AS form,
           'CREATE DOMAIN ' || {_DOMAIN} || COALESCE((
                     SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid),
                                       '' ORDER BY k.conname)
                     FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '') AS "create",
           'DROP DOMAIN ' || t.oid::regtype AS "drop"
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
    WHERE {HERE} AND t.typtype = 'd' AND {own("pg_type", "t.oid")} ORDER BY t.typname"""

_ATTRIBUTES = """COALESCE((
               SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                                 ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '')"""

COMPOSITES = f"""
    SELECT n.nspname AS namespace, '' AS "table", 'type' AS kind, t.typname AS name, {_ATTRIBUTES} AS form,
           'CREATE TYPE ' || t.oid::regtype || ' AS (' || {_ATTRIBUTES} || ')' AS "create",
           'DROP TYPE ' || t.oid::regtype AS "drop"
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_class c ON c.oid = t.typrelid
    WHERE {HERE} AND t.typtype = 'c' AND c.relkind = 'c' AND {own("pg_type", "t.oid")} ORDER BY t.typname"""

_POLICY = """CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
           || ' FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                         WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
           || ' TO ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', '
                                           ORDER BY pg_get_userbyid(r)) FROM unnest(p.polroles) r)
           || COALESCE(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
           || COALESCE(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')"""

POLICIES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", 'policy' AS kind, p.polname AS name, {_POLICY} AS form,
           'CREATE POLICY ' || quote_ident(p.polname) || ' ON ' || c.oid::regclass || {_POLICY} AS "create",
           'DROP POLICY ' || quote_ident(p.polname) || ' ON ' || c.oid::regclass AS "drop",
           {needs("pg_policy", "p.oid")} AS needs
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND {own("pg_policy", "p.oid")} ORDER BY c.oid, p.polname"""

ROW_SECURITY = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", 'policy' AS kind, s.said || ' ROW LEVEL SECURITY' AS name,
           s.said || ' ROW LEVEL SECURITY' AS form,
           'ALTER TABLE ' || c.oid::regclass || ' ' || s.said || ' ROW LEVEL SECURITY' AS "create",
           'ALTER TABLE ' || c.oid::regclass || ' ' || s.unsaid || ' ROW LEVEL SECURITY' AS "drop"
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN (VALUES ('ENABLE', 'DISABLE'), ('FORCE', 'NO FORCE')) s (said, unsaid)
    WHERE {HERE} AND c.relkind IN ('r', 'p') AND {own("pg_class", "c.oid")}
      AND CASE s.said WHEN 'ENABLE' THEN c.relrowsecurity ELSE c.relforcerowsecurity END ORDER BY c.oid, s.said"""

EXTENSIONS = """
    SELECT '' AS namespace, '' AS "table", 'extension' AS kind, extname AS name, extname AS form,
           'CREATE EXTENSION IF NOT EXISTS ' || quote_ident(extname) AS "create",
           'DROP EXTENSION ' || quote_ident(extname) AS "drop"
    FROM pg_extension WHERE extname <> 'plpgsql' AND %(namespaces)s::text[] IS NOT NULL ORDER BY extname"""

_ON = """CASE WHEN d.objsubid > 0 THEN 'COLUMN ' || c.oid::regclass || '.' || quote_ident(a.attname)
               ELSE CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'i' THEN 'INDEX '
                    WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass END"""

COMMENTS = f"""
    SELECT n.nspname AS namespace, COALESCE(ic.relname, c.relname) AS "table", 'comment' AS kind, {_ON} AS name,
           d.description AS form,
           'COMMENT ON ' || {_ON} || ' IS ' || quote_literal(d.description) AS "create",
           'COMMENT ON ' || {_ON} || ' IS NULL' AS "drop"
    FROM pg_description d JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class ic ON ic.oid = i.indrelid
    WHERE {HERE} AND c.relkind IN ('r', 'p', 'v', 'm', 'i', 'S', 'c') AND {own("pg_class", "c.oid")}
    ORDER BY c.oid, 4"""

_DEFINED = """
    SELECT 'pg_proc'::regclass AS catalog, p.oid, p.pronamespace AS namespace, '' AS "table", CASE p.prokind
           WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure AS said FROM pg_proc p
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace, c.relname, 'TRIGGER ' || quote_ident(t.tgname) || ' ON '
           || c.oid::regclass FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    UNION ALL
    SELECT 'pg_policy'::regclass, o.oid, c.relnamespace, c.relname, 'POLICY ' || quote_ident(o.polname) || ' ON '
           || c.oid::regclass FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, c.relnamespace, c.relname, 'CONSTRAINT ' || quote_ident(k.conname)
           || ' ON ' || c.oid::regclass FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, t.typnamespace, '', 'CONSTRAINT ' || quote_ident(k.conname)
           || ' ON DOMAIN ' || t.oid::regtype FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid
    WHERE k.contype = 'c'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typnamespace, '', CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END
           || t.oid::regtype FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('d', 'e') OR c.relkind = 'c'
    UNION ALL
    SELECT 'pg_namespace'::regclass, n.oid, n.oid, '', 'SCHEMA ' || n.oid::regnamespace FROM pg_namespace n
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm'))"""

_STANDARD = "(x.said = 'SCHEMA public' AND d.description = 'standard public schema')"
"""What every server says by itself."""

DEFINITION_COMMENTS = f"""
    SELECT n.nspname AS namespace, x."table", 'comment' AS kind, x.said AS name, d.description AS form,
           'COMMENT ON ' || x.said || ' IS ' || quote_literal(d.description) AS "create",
           'COMMENT ON ' || x.said || ' IS NULL' AS "drop",
           (SELECT array_agg({called("n.nspname", "t.typname")}) FROM pg_type t
            WHERE t.oid = x.oid AND x.catalog = 'pg_type'::regclass) AS needs
    FROM pg_description d JOIN ({_DEFINED}) x ON x.catalog = d.classoid AND x.oid = d.objoid
    JOIN pg_namespace n ON n.oid = x.namespace
    WHERE {HERE} AND NOT {_STANDARD} AND NOT EXISTS (SELECT FROM pg_depend e
          WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e') ORDER BY 4"""

_PARTITION = """' PARTITION OF ' || i.inhparent::regclass || ' ' || pg_get_expr(c.relpartbound, c.oid)
           || COALESCE(' PARTITION BY ' || pg_get_partkeydef(c.oid), '')"""

# By their oids: a partition that is divided further comes before its own partitions. Inside a partition only what it
# has from its parent is told.
PARTITIONS = f"""
    SELECT n.nspname AS namespace, p.relname AS "table", 'partition' AS kind, c.oid::regclass::text AS name,
           ltrim({_PARTITION}) AS form, 'CREATE TABLE ' || c.oid::regclass || {_PARTITION} AS "create",
           'DROP TABLE ' || c.oid::regclass AS "drop", pg_get_partition_constraintdef(c.oid) AS rule
    FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = p.relnamespace
    WHERE {HERE} AND c.relispartition AND c.relkind IN ('r', 'p') AND {own("pg_class", "c.oid")} ORDER BY c.oid"""

EXCLUSIONS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", 'check' AS kind, k.conname AS name,
           pg_get_constraintdef(k.oid) AS form,
           'ALTER TABLE ' || c.oid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' '
               || pg_get_constraintdef(k.oid) AS "create",
           'ALTER TABLE ' || c.oid::regclass || ' DROP CONSTRAINT ' || quote_ident(k.conname) AS "drop"
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND k.contype = 'x' AND k.conparentid = 0 AND {own("pg_class", "c.oid")} ORDER BY c.oid, k.conname"""

QUERIES = (
    EXTENSIONS,
    DOMAINS,
    COMPOSITES,
    FUNCTIONS,
    PARTITIONS,
    EXCLUSIONS,
    POLICIES,
    ROW_SECURITY,
    COMMENTS,
    DEFINITION_COMMENTS,
    PRIVILEGES,
)
"""In an order in which they can be made."""
