-- dialect: sqlite
-- A small shop as it runs today.

CREATE TABLE customers (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    mail       TEXT,
    birth_year TEXT,
    tier       TEXT,
    fax        TEXT
);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    total_cents INTEGER NOT NULL,
    placed_at   TEXT NOT NULL
);

INSERT INTO customers VALUES
    (1, 'Harbour Books', 'desk@harbour.example', '1988', 'gold', NULL),
    (2, 'North Light',   NULL,                   '2001', NULL,   '555-0101'),
    (3, 'Old Mill',      'mill@old.example',     NULL,   NULL,   NULL);

INSERT INTO orders VALUES
    (1, 1, 1999, '2026-01-03'), (2, 1, 450, '2026-02-11'), (3, 3, 12000, '2026-02-12');
