-- dialect: sqlite
-- The same shop as its team wants it: mail renamed, birth_year a number, every customer in a tier, no fax, coupons.

CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    email       TEXT,
    birth_year  INTEGER,
    tier        TEXT NOT NULL,
    referred_by INTEGER REFERENCES customers (id)
);

CREATE INDEX customers_by_tier ON customers (tier);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    total_cents INTEGER NOT NULL,
    placed_at   TEXT NOT NULL
);

CREATE TABLE coupons (
    id          INTEGER PRIMARY KEY,
    code        TEXT NOT NULL UNIQUE,
    customer_id INTEGER REFERENCES customers (id)
);
