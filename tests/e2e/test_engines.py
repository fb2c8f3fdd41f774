# SPDX-License-Identifier: Apache-2.0
"""Both engines have the same schema, and its views answer alike on the same rows."""

import re

import pytest

from support.engines import MIGRATIONS, VIEWS, ask_both, migrations, new_postgresql_database, new_sqlite_database

pytestmark = pytest.mark.sqlite("it asks both engines")

FIRST = "0012"  # where a PostgreSQL database begins

TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}

# Each names the table first, and gives rows that may be compared as they are.
COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull, l.collname,
           replace(pg_get_expr(d.adbin, d.adrelid), '::text', '')
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attnum > 0 AND c.relname <> 'schema_version'
    ORDER BY c.relname, a.attnum"""
VIEW_COLUMNS = """
    SELECT c.relname, a.attname
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname, a.attnum"""
KEYS = """
    SELECT c.conrelid::regclass::text, string_agg(a.attname, ',' ORDER BY k.position)
    FROM pg_constraint c
    JOIN unnest(c.conkey) WITH ORDINALITY AS k (attnum, position) ON true
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
    WHERE c.contype = '{kind}' AND c.connamespace = 'public'::regnamespace
    GROUP BY c.oid"""
REFERENCES = """
    SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, c.confdeltype = 'a' AND NOT c.condeferrable
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"""
CHECKS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"""
INDEXES = """
    SELECT x.indrelid::regclass::text, x.indexrelid::regclass::text,
           (SELECT string_agg(pg_get_indexdef(x.indexrelid, n, true), ',' ORDER BY n)
            FROM generate_series(1, x.indnkeyatts) n),
           x.indisunique, coalesce(pg_get_expr(x.indpred, x.indrelid), '')
    FROM pg_index x
    JOIN pg_class c ON c.oid = x.indexrelid AND c.relnamespace = 'public'::regnamespace
    WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid)
      AND x.indrelid <> 'schema_version'::regclass"""

# Words of SQL that the engines use in different ways to say the same.
FORM = {"CHECK", "IN", "ANY", "ARRAY", "text", "bigint"}


def words(expression):
    """Of a condition: its names, values and operators' words, without its form."""
    plain = re.sub(r"::\w+", "", expression)
    return " ".join(sorted(set(re.findall(r"'[^']*'|\w+|<>", plain)) - FORM))


def conditions(sql):
    """The CHECK (…) of a table's text."""
    found = []
    for match in re.finditer(r"CHECK \(", sql):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        found.append(sql[match.end() : end - 1])
    return found


class SQLite:
    """What there is, in the same form as the queries above have it."""

    def __init__(self):
        self.db = new_sqlite_database()
        self.tables = dict(self._all("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"))

    def _all(self, sql):
        return [list(row) for row in self.db.execute(sql)]

    def _columns(self, name):
        return self._all(f"SELECT name, type, \"notnull\" OR pk, dflt_value FROM pragma_table_info('{name}')")

    def columns(self):
        return [
            [table, name, TYPES[kind], bool(required), "C" if kind == "TEXT" else "", default or ""]
            for table in self.tables
            for name, kind, required, default in self._columns(table)
        ]

    def view_columns(self):
        views = self._all("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
        return [[view, column[0]] for (view,) in views for column in self._columns(view)]

    def primary_keys(self):
        keys = "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('{}') WHERE pk ORDER BY pk)"
        return [[table, self._all(keys.format(table))[0][0]] for table in self.tables]

    def _index_columns(self, index):
        return ",".join(row[0] for row in self._all(f"SELECT name FROM pragma_index_info('{index}') ORDER BY seqno"))

    def unique_keys(self):
        listed = "SELECT name FROM pragma_index_list('{}') WHERE origin = 'u'"
        return [
            [table, self._index_columns(index)]
            for table in self.tables
            for (index,) in self._all(listed.format(table))
        ]

    def references(self):
        keys = "SELECT \"from\", \"table\", on_delete = 'NO ACTION' FROM pragma_foreign_key_list('{}')"
        return [[table, *row[:2], bool(row[2])] for table in self.tables for row in self._all(keys.format(table))]

    def checks(self):
        return [[table, words(one)] for table, sql in self.tables.items() for one in conditions(sql)]

    def indexes(self):
        listed = "SELECT name, \"unique\" FROM pragma_index_list('{}') WHERE origin = 'c'"
        texts = dict(self._all("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"))
        return [
            [table, name, self._index_columns(name), bool(unique), words(texts[name].partition(" WHERE ")[2])]
            for table in self.tables
            for name, unique in self._all(listed.format(table))
        ]


class PostgreSQL:
    def __init__(self, server):
        self._server = server
        self._uri = new_postgresql_database(server)

    def _all(self, sql):
        truths = {"t": True, "f": False}
        return [[truths.get(value, value) for value in row] for row in self._server.sql(sql, self._uri)]

    def columns(self):
        return self._all(COLUMNS)

    def view_columns(self):
        return self._all(VIEW_COLUMNS)

    def primary_keys(self):
        return self._all(KEYS.format(kind="p"))

    def unique_keys(self):
        return self._all(KEYS.format(kind="u"))

    def references(self):
        return self._all(REFERENCES)

    def checks(self):
        return [[table, words(text)] for table, text in self._all(CHECKS)]

    def indexes(self):
        return [[*row[:4], words(row[4])] for row in self._all(INDEXES)]


@pytest.fixture(scope="module")
def schemas(module_postgresql):
    return SQLite(), PostgreSQL(module_postgresql)


def test_from_where_postgresql_begins_each_migration_is_there_for_both():
    later = [name for name in migrations() if name > f"{FIRST}_~"]
    first, *others = migrations(MIGRATIONS / "postgresql")
    assert first == f"{FIRST}_schema.sql" and others == later


@pytest.mark.parametrize("objects", ["columns", "view_columns"])
def test_tables_and_views_have_the_same_columns_in_the_same_order(schemas, objects):
    left, right = (getattr(schema, objects)() for schema in schemas)
    assert left and left == right


@pytest.mark.parametrize("objects", ["primary_keys", "unique_keys", "references", "checks", "indexes"])
def test_tables_have_the_same_rules_and_indexes(schemas, objects):
    left, right = (sorted(getattr(schema, objects)()) for schema in schemas)
    assert left and left == right


# ---- the same rows ----


def test_each_table_has_rows_to_compare(module_engines):
    for table in SQLite().tables:
        left, right = ask_both(*module_engines, f"SELECT count(*) AS n FROM {table};")
        assert left == right and left[1] != [["0"]], table


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_answers_alike(module_engines, view):
    left, right = ask_both(*module_engines, f"SELECT * FROM {view};")
    assert left == right
    assert len(left[1]) > (0 if view == "v_gateways" else 1)  # one gateway made the rows


def test_the_compared_rows_have_the_states_that_views_compute(module_engines):
    for view, states in (
        ("v_orders", {"valid", "invalid", "pending", "processing", "expired"}),
        ("v_certificates", {"good", "revoked", "expired"}),
        ("v_migration", {"moved", "old way", "went back", "over"}),
        ("v_eab_keys", {"used up", "revoked"}),
        ("v_authorizations", {"valid", "invalid", "expired"}),
    ):
        (_, rows), _ = ask_both(*module_engines, f"SELECT DISTINCT state FROM {view};")
        assert {row[0] for row in rows} == states, view
    (_, rows), _ = ask_both(*module_engines, "SELECT count(renewed_by), count(*) - count(expires) FROM v_certificates;")
    assert all(int(value) > 0 for value in rows[0]), rows
