"""The catalog query for privileges: who but its owner may do what with an object, and what everybody may no longer.

What a server gives by itself is no part of it: the owner's rights, EXECUTE on functions and USAGE of `public` for all.
One object stands for one grantee of one thing, with its rights in one list (`ALL` for all that there are), so that
servers of different versions, which know of different rights, compare alike.
"""

from __future__ import annotations

from tools.schema.postgres_catalog import HERE, own

_GRANTEE = "CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END"
_RIGHTS = """CASE WHEN count(DISTINCT x.privilege_type) FILTER (WHERE x.privilege_type <> 'MAINTAIN') = {all} THEN 'ALL'
             ELSE string_agg(DISTINCT x.privilege_type, ', ' ORDER BY x.privilege_type) END"""

_RELATIONS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table",
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS thing,
           {_GRANTEE} AS grantee, x.is_grantable AS grantable, '' AS columns,
           CASE c.relkind WHEN 'S' THEN {_RIGHTS.format(all=3)} ELSE {_RIGHTS.format(all=7)} END AS rights
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) x
    WHERE {HERE} AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND x.grantee <> c.relowner
      AND c.relpersistence <> 't' AND {own("pg_class", "c.oid")}
    GROUP BY n.nspname, c.oid, c.relname, c.relkind, x.grantee, x.is_grantable"""

_COLUMNS = f"""
    SELECT n.nspname, c.relname, 'TABLE ' || c.oid::regclass, {_GRANTEE}, x.is_grantable,
           ' (' || quote_ident(a.attname) || ')', string_agg(DISTINCT x.privilege_type, ', ' ORDER BY x.privilege_type)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
    CROSS JOIN LATERAL aclexplode(a.attacl) x
    WHERE {HERE} AND c.relkind IN ('r', 'p', 'v', 'm') AND x.grantee <> c.relowner AND {own("pg_class", "c.oid")}
    GROUP BY n.nspname, c.oid, c.relname, a.attname, x.grantee, x.is_grantable"""

_FUNCTIONS = f"""
    SELECT n.nspname, '', CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure,
           {_GRANTEE}, x.is_grantable, '', 'EXECUTE'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL aclexplode(p.proacl) x
    WHERE {HERE} AND x.grantee NOT IN (p.proowner, 0) AND {own("pg_proc", "p.oid")}
    GROUP BY n.nspname, p.oid, p.prokind, x.grantee, x.is_grantable"""

_NAMESPACES = f"""
    SELECT n.nspname, '', 'SCHEMA ' || n.oid::regnamespace, {_GRANTEE}, x.is_grantable, '',
           {_RIGHTS.format(all=2)}
    FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x
    WHERE {HERE} AND x.grantee <> n.nspowner AND NOT (x.grantee = 0 AND n.nspname = 'public')
    GROUP BY n.nspname, n.oid, x.grantee, x.is_grantable"""

_LISTED = """replace(g.rights, ', ', g.columns || ', ') || g.columns"""

PRIVILEGES = f"""
    SELECT g.namespace, g."table", 'privilege' AS kind,
           'ON ' || g.thing || g.columns || ' TO ' || g.grantee || CASE WHEN g.grantable THEN ' WITH GRANT OPTION'
               ELSE '' END AS name, g.rights AS form,
           'GRANT ' || {_LISTED} || ' ON ' || g.thing || ' TO ' || g.grantee
               || CASE WHEN g.grantable THEN ' WITH GRANT OPTION' ELSE '' END AS "create",
           'REVOKE ' || {_LISTED} || ' ON ' || g.thing || ' FROM ' || g.grantee AS "drop"
    FROM ({_RELATIONS} UNION ALL {_COLUMNS} UNION ALL {_FUNCTIONS} UNION ALL {_NAMESPACES}) g
    UNION ALL
    SELECT n.nspname, '', 'privilege', 'ON ' || f.thing || ' FROM PUBLIC', 'no EXECUTE',
           'REVOKE EXECUTE ON ' || f.thing || ' FROM PUBLIC', 'GRANT EXECUTE ON ' || f.thing || ' TO PUBLIC'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END
                               || p.oid::regprocedure AS thing) f
    WHERE {HERE} AND p.proacl IS NOT NULL AND {own("pg_proc", "p.oid")}
      AND NOT EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0)
    ORDER BY namespace, "table", name"""
