"""The Postgres reader's catalog queries. `%(namespaces)s` are the schemas to read; each query gives `namespace`."""

from __future__ import annotations

NOT_OF_EXTENSION = """NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"""
HERE = "n.nspname = ANY(%(namespaces)s)"


def own(catalog: str, oid: str) -> str:
    return NOT_OF_EXTENSION.format(catalog=catalog, oid=oid)


def called(namespace: str, name: str) -> str:
    return f"CASE {namespace} WHEN 'public' THEN '' ELSE {namespace} || '.' END || {name}"


def needs(catalog: str, oid: str) -> str:
    """What a thing holds on to, by the names that the model knows: tables and views, their columns (`agents#goal`),
    functions, types. The server's own things are no part of its record."""
    return f"""(
        SELECT array_agg(DISTINCT u.id ORDER BY u.id) FROM pg_depend d
        CROSS JOIN LATERAL (
            SELECT {called("un.nspname", "uc.relname")} || COALESCE('#' || ua.attname, '') AS id
            FROM pg_class uc JOIN pg_namespace un ON un.oid = uc.relnamespace
            LEFT JOIN pg_attribute ua ON ua.attrelid = uc.oid AND ua.attnum = d.refobjsubid AND d.refobjsubid > 0
            WHERE d.refclassid = 'pg_class'::regclass AND uc.oid = d.refobjid
            UNION ALL
            SELECT {called("un.nspname", "up.proname")} || '(' || pg_get_function_identity_arguments(up.oid) || ')'
            FROM pg_proc up JOIN pg_namespace un ON un.oid = up.pronamespace
            WHERE d.refclassid = 'pg_proc'::regclass AND up.oid = d.refobjid
            UNION ALL
            SELECT {called("un.nspname", "COALESCE(ub.typname, ut.typname)")}
            FROM pg_type ut JOIN pg_namespace un ON un.oid = ut.typnamespace
            LEFT JOIN pg_type ub ON ub.oid = ut.typelem AND ut.typcategory = 'A'
            WHERE d.refclassid = 'pg_type'::regclass AND ut.oid = d.refobjid) u
        WHERE d.classid = '{catalog}'::regclass AND d.objid = {oid} AND d.deptype IN ('n', 'a'))"""


CLASS = f"""
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND c.relpersistence <> 't' AND {own("pg_class", "c.oid")}"""
_TABLE = f"{CLASS} AND c.relkind IN ('r', 'p') AND NOT c.relispartition"

NAMESPACES = """
    SELECT nspname AS name FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'oneplan', 'pgroll') ORDER BY nspname"""

TABLES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", c.relpersistence = 'u' AS unlogged, c.reloptions AS options,
           CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partitioned_by
    {_TABLE} ORDER BY c.oid"""

COLUMNS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", a.attnum AS number, a.attname AS name,
           format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS notnull,
           a.attgenerated AS generated, a.attidentity AS identity,
           e.text AS default,
           CASE WHEN a.attcollation <> t.typcollation THEN
               (SELECT CASE WHEN cn.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(cn.nspname) || '.' END
                       || quote_ident(co.collname)
                FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation)
               END AS collation,
           CASE WHEN a.attstorage <> t.typstorage THEN
               CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
               END AS storage,
           CASE WHEN a.attidentity = '' AND e.text LIKE 'nextval(%%' THEN EXISTS (
               SELECT FROM pg_depend o WHERE o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid
               AND o.refobjsubid = a.attnum AND o.classid = 'pg_class'::regclass AND o.deptype = 'a'
               AND o.objid IN (SELECT u.refobjid FROM pg_depend u
                   WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                   AND u.refclassid = 'pg_class'::regclass)) ELSE false END AS serial,
           CASE WHEN a.attidentity <> '' OR e.text LIKE 'nextval(%%' THEN (
               SELECT nullif(concat_ws(' ',
                   CASE WHEN s.seqincrement <> 1 THEN 'INCREMENT BY ' || s.seqincrement END,
                   CASE WHEN s.seqmin <> CASE WHEN s.seqincrement > 0 THEN 1 ELSE -b.bound - 1 END
                       THEN 'MINVALUE ' || s.seqmin END,
                   CASE WHEN s.seqmax <> CASE WHEN s.seqincrement > 0 THEN b.bound ELSE -1 END
                       THEN 'MAXVALUE ' || s.seqmax END,
                   CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END
                       THEN 'START WITH ' || s.seqstart END,
                   CASE WHEN s.seqcache <> 1 THEN 'CACHE ' || s.seqcache END,
                   CASE WHEN s.seqcycle THEN 'CYCLE' END), '')
               FROM pg_depend o JOIN pg_sequence s ON s.seqrelid = o.objid
               CROSS JOIN LATERAL (SELECT CASE s.seqtypid WHEN 'smallint'::regtype THEN 32767
                   WHEN 'integer'::regtype THEN 2147483647 ELSE 9223372036854775807 END AS bound) b
               WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
               AND o.refobjid = c.oid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i') LIMIT 1)
               END AS counting
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid) AS text OFFSET 0) e ON true
    WHERE {HERE} AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' ORDER BY c.oid, a.attnum"""

# Postgres 18 keeps NOT NULL constraints here too (contype n): they are the columns' nullability, nothing more.
# Columns are numbers, which the reader looks up; the names are asked for where the parent is outside what is read.
CONSTRAINTS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", k.conname AS name, k.contype AS kind,
           k.convalidated AS validated, k.condeferrable AS deferrable, k.condeferred AS deferred,
           k.confdeltype AS on_delete, k.confupdtype AS on_update,
           CASE k.contype WHEN 'u' THEN pg_get_constraintdef(k.oid) END AS definition,
           pg_get_expr(k.conbin, k.conrelid) AS expression, pn.nspname AS parent_namespace, p.relname AS parent,
           k.conkey AS columns, k.confkey AS parent_columns,
           CASE WHEN k.contype = 'f' AND pn.nspname <> ALL(%(namespaces)s) THEN (
               SELECT array_agg(a.attname::text ORDER BY i) FROM unnest(k.confkey) WITH ORDINALITY u(num, i)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num) END AS parent_names
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class p ON p.oid = k.confrelid LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE {HERE} AND k.contype IN ('p', 'u', 'f', 'c') AND k.conparentid = 0 ORDER BY c.oid, k.oid"""

INDEXES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", x.relname AS name, i.indisunique AS unique,
           i.indisvalid AS valid, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND c.relkind IN ('r', 'p') AND NOT x.relispartition AND {own("pg_class", "x.oid")}
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    ORDER BY c.oid, x.oid"""

ENUMS = f"""
    SELECT n.nspname AS namespace, t.typname AS name, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
    WHERE {HERE} AND {own("pg_type", "t.oid")} GROUP BY t.oid, n.nspname, t.typname ORDER BY t.oid"""

VIEWS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", c.relkind AS kind, pg_get_viewdef(c.oid) AS sql,
           (SELECT array_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid) FROM pg_index i
            WHERE i.indrelid = c.oid) AS indexes,
           c.reloptions AS options,
           {needs("pg_rewrite", "(SELECT w.oid FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename = '_RETURN')")}
               AS needs
    {CLASS} AND c.relkind IN ('v', 'm') ORDER BY c.oid"""

TRIGGERS = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", t.tgname AS name, pg_get_triggerdef(t.oid) AS definition,
           CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END
               AS firing,
           {needs("pg_trigger", "t.oid")} AS needs
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND NOT t.tgisinternal AND t.tgparentid = 0 AND {own("pg_trigger", "t.oid")} ORDER BY t.oid"""

SEQUENCES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", format_type(s.seqtypid, NULL) AS type, s.seqstart AS start,
           s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum, s.seqcycle AS cycle
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE {HERE} AND c.relpersistence <> 't' AND {own("pg_class", "c.oid")}
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) ORDER BY c.oid"""

OWNERS = f"""
    SELECT n.nspname AS namespace, CASE WHEN c.relkind IN ('v', 'm') THEN 'view' WHEN c.relkind = 'S' THEN 'sequence'
                                   ELSE 'table' END AS kind, c.relname AS name, pg_get_userbyid(c.relowner) AS owner
    {CLASS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(c.relowner) <> current_user
    UNION ALL
    SELECT n.nspname, 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           pg_get_userbyid(p.proowner)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {HERE} AND {own("pg_proc", "p.oid")} AND pg_get_userbyid(p.proowner) <> current_user
    UNION ALL
    SELECT n.nspname, 'type', t.typname, pg_get_userbyid(t.typowner)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE {HERE} AND {own("pg_type", "t.oid")} AND pg_get_userbyid(t.typowner) <> current_user
      AND (t.typtype IN ('e', 'd') OR c.relkind = 'c')
    ORDER BY 1, 2, 3"""

_AGGREGATES = f"""
    SELECT n.nspname AS namespace, 'AGGREGATE ' || p.oid::regprocedure AS text, 'an aggregate' AS reason
    FROM (SELECT * FROM pg_proc WHERE prokind = 'a' ORDER BY proname, oid) p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {HERE} AND {own("pg_proc", "p.oid")} ORDER BY p.proname, 2"""

_TYPES = f"""
    SELECT n.nspname AS namespace, 'TYPE ' || t.oid::regtype AS text, 'a type' AS reason
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE {HERE} AND (t.typtype = 'r' OR (t.typtype = 'b' AND t.typcategory NOT IN ('A', 'E')))
      AND {own("pg_type", "t.oid")} ORDER BY t.typname"""


def _constraints(version: int) -> str:
    """By what the version has: SET NULL of some columns (15), WITHOUT OVERLAPS and NOT ENFORCED (18)."""
    since_15 = "OR (k.contype = 'f' AND k.confdelsetcols IS NOT NULL)" if version >= 15 else ""
    since_18 = "OR NOT k.conenforced OR k.conperiod" if version >= 18 else ""
    return f"""
    SELECT n.nspname AS namespace, c.relname AS "table",
           c.oid::regclass || ': ' || pg_get_constraintdef(k.oid) AS text,
           CASE WHEN k.contype = 'p' THEN 'a primary key that can be deferred'
                ELSE 'a constraint of a kind that is not modelled' END AS reason
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND k.conparentid = 0 AND k.contype NOT IN ('n', 'x')
      AND ((k.contype = 'p' AND k.condeferrable) OR (k.contype = 'f' AND k.confmatchtype <> 's')
           OR (k.contype = 'c' AND k.connoinherit) {since_15} {since_18}
           OR (k.contype = 'p' AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = k.conindid
                                           AND i.indnatts > i.indnkeyatts)))
    ORDER BY 2, 3"""


_INHERITING = f"""
    SELECT n.nspname AS namespace, c.relname AS "table",
           c.oid::regclass || ' INHERITS ' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                                              FROM pg_inherits i WHERE i.inhrelid = c.oid) AS text,
           'an inheriting table' AS reason
    {_TABLE} AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) ORDER BY 2"""

_FOREIGN_TABLES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", 'FOREIGN TABLE ' || c.oid::regclass AS text,
           'a foreign table' AS reason
    {CLASS} AND c.relkind = 'f' ORDER BY 2"""

_RULES = f"""
    SELECT n.nspname AS namespace, c.relname AS "table", pg_get_ruledef(r.oid) AS text, 'a rule' AS reason
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {HERE} AND r.rulename <> '_RETURN' AND {own("pg_rewrite", "r.oid")} ORDER BY 2, 3"""

_STATISTICS = f"""
    SELECT n.nspname AS namespace, pg_get_statisticsobjdef(s.oid) AS text, 'extended statistics' AS reason
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
    WHERE {HERE} AND {own("pg_statistic_ext", "s.oid")} ORDER BY 2"""

_UNLIKE = f"""
    SELECT DISTINCT n.nspname AS namespace, c.relname AS "table",
           'TRIGGER ' || CASE WHEN t.tgisinternal THEN COALESCE('of ' || quote_ident(k.conname), 'of the server''s own')
                         ELSE quote_ident(t.tgname) END || ' ON ' || c.oid::regclass AS text,
           CASE WHEN t.tgisinternal THEN 'a rule whose triggers do not fire as usual'
                ELSE 'a trigger that fires otherwise on a partition than on its table' END AS reason
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
    WHERE {HERE} AND {own("pg_class", "c.oid")}
      AND CASE WHEN t.tgisinternal THEN t.tgenabled <> 'O' ELSE t.tgenabled <> COALESCE(p.tgenabled, t.tgenabled) END
    ORDER BY 2, 3"""


def left_overs(version: int) -> tuple[str, ...]:
    """What the model cannot hold, as text with a reason; `version` is the server's major."""
    return (_TYPES, _AGGREGATES, _constraints(version), _INHERITING, _FOREIGN_TABLES, _RULES, _STATISTICS, _UNLIKE)
