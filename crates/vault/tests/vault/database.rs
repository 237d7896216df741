//! A SQLite database as whoever can write its file sees it.

use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, TypeInfo as _, Value as _, ValueRef as _,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow, SqliteSynchronous},
};
use tempfile::TempDir;

/// A connection of the attacker's own, for whom no reference between rows counts.
pub(crate) struct Raw(SqliteConnection);

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A column, and whether it may be empty.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) nullable: bool,
}

pub(crate) const TABLES: [&str; 7] = [
    "keyway_vault",
    "keyway_head",
    "keyway_keys",
    "keyway_connections",
    "keyway_grants",
    "keyway_documents",
    "keyway_entries",
];

impl Raw {
    pub(crate) async fn open(folder: &TempDir) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("keyway.db"))
            .foreign_keys(false)
            .synchronous(SqliteSynchronous::Off)
            .pragma("temp_store", "MEMORY");
        Self(SqliteConnection::connect_with(&options).await.unwrap())
    }

    pub(crate) async fn run(&mut self, sql: &str, cells: &[Cell]) -> u64 {
        bound(sql, cells).execute(&mut self.0).await.unwrap().rows_affected()
    }

    pub(crate) async fn rows(&mut self, sql: &str, cells: &[Cell]) -> Vec<Vec<Cell>> {
        let rows = bound(sql, cells).fetch_all(&mut self.0).await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect()
    }

    /// The columns of a table, but the one that says that there is one row.
    pub(crate) async fn columns(&mut self, table: &str) -> Vec<Column> {
        let rows =
            self.rows(&format!("SELECT name, \"notnull\" FROM pragma_table_info('{table}')"), &[]).await;
        let columns = rows.into_iter().map(|row| match &row[..] {
            [Cell::Text(name), Cell::Int(not_null)] => {
                Column { name: name.clone(), nullable: *not_null == 0 }
            }
            other => panic!("{other:?}"),
        });
        columns.filter(|column| column.name != "one").collect()
    }

    /// All that stands in a column, with the numbers of the rows.
    pub(crate) async fn column(&mut self, table: &str, column: &str) -> Vec<(i64, Cell)> {
        let rows = self.rows(&format!("SELECT rowid, {column} FROM {table} ORDER BY rowid"), &[]).await;
        let cells = rows.into_iter().map(|row| match <[Cell; 2]>::try_from(row) {
            Ok([Cell::Int(number), cell]) => (number, cell),
            other => panic!("{other:?}"),
        });
        cells.collect()
    }

    pub(crate) async fn set(&mut self, table: &str, row: i64, column: &str, cell: &Cell) {
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
        assert_eq!(self.run(&sql, &[cell.clone(), Cell::Int(row)]).await, 1, "{table}.{column}");
    }

    /// Sets a cell, but where the database itself refuses it.
    pub(crate) async fn set_if_it_goes(&mut self, table: &str, row: i64, column: &str, cell: &Cell) {
        let sql = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE rowid = ?2");
        match bound(&sql, &[cell.clone(), Cell::Int(row)]).execute(&mut self.0).await {
            Ok(_) => {}
            // A text where a number belongs, or the other way round.
            Err(sqlx::Error::Database(error)) => assert!(error.message().contains("cannot store"), "{error}"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Remembers all tables as they are, under a name.
    pub(crate) async fn keep(&mut self, name: &str) {
        for table in TABLES {
            self.run(&format!("DROP TABLE IF EXISTS temp.{name}_{table}"), &[]).await;
            self.run(&format!("CREATE TEMP TABLE {name}_{table} AS SELECT * FROM main.{table}"), &[]).await;
        }
    }

    /// Puts tables back as they were.
    pub(crate) async fn put_back(&mut self, name: &str, tables: &[&str]) {
        self.run("BEGIN IMMEDIATE", &[]).await;
        for table in tables {
            self.run(&format!("DELETE FROM main.{table}"), &[]).await;
            self.run(&format!("INSERT INTO main.{table} SELECT * FROM temp.{name}_{table}"), &[]).await;
        }
        self.run("COMMIT", &[]).await;
    }

    /// Puts one row back as it was, whatever is there now. `id` is the first column's.
    pub(crate) async fn put_back_row(&mut self, name: &str, table: &str, id: &str) {
        let key = if table == "keyway_vault" || table == "keyway_head" { "one" } else { "id" };
        let sql =
            format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM temp.{name}_{table} WHERE {key} = ?1");
        assert_eq!(self.run(&sql, &[Cell::Text(id.to_owned())]).await, 1, "{table} {id}");
    }
}

fn bound(sql: &str, cells: &[Cell]) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    cells.iter().cloned().fold(query, |query, cell| match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::Blob(value) => query.bind(value),
    })
}

fn cell(row: &SqliteRow, at: usize) -> Cell {
    let value = row.try_get_raw(at).unwrap().to_owned();
    if value.is_null() {
        return Cell::Null;
    }
    match value.type_info().name() {
        "INTEGER" => Cell::Int(value.decode()),
        "TEXT" => Cell::Text(value.decode()),
        "BLOB" => Cell::Blob(value.decode()),
        other => panic!("{other}"),
    }
}

/// All that a cell may be changed into by one flipped bit, one other character, a cut, or something more; and values that
/// make sense there.
pub(crate) fn changes(cell: &Cell, nullable: bool, others: &[Cell]) -> Vec<Cell> {
    let mut changes = match cell {
        Cell::Null => vec![Cell::Int(0), Cell::Int(1), Cell::Text(String::new()), Cell::Blob(Vec::new())],
        Cell::Int(value) => {
            let bits = (0..64).map(|bit| value ^ (1 << bit));
            let some = [0, 1, -1, i64::MIN, i64::MAX, value.wrapping_add(1), value.wrapping_sub(1)];
            bits.chain(some).map(Cell::Int).collect()
        }
        Cell::Text(text) => {
            let other = |at: usize, with: &str| format!("{}{with}{}", &text[..at], &text[at + 1..]);
            let bytes = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii());
            let mut all: Vec<String> = bytes
                .flat_map(|(at, byte)| {
                    [other(at, if byte == b'x' { "y" } else { "x" }), other(at, ""), other(at, "\n")]
                })
                .collect();
            all.extend([String::new(), format!("{text} "), format!("{text}\n"), text.to_uppercase()]);
            all.into_iter().map(Cell::Text).collect()
        }
        Cell::Blob(bytes) => {
            let flipped = (0..bytes.len() * 8).map(|bit| {
                let mut other = bytes.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                other
            });
            let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
            let more = [[&bytes[..], b"\0"].concat(), [&bytes[..], bytes].concat(), vec![0; bytes.len()]];
            flipped.chain(cut).chain(more).map(Cell::Blob).collect()
        }
    };
    changes.extend(others.iter().cloned());
    if nullable {
        changes.push(Cell::Null);
    }
    changes.retain(|other| other != cell);
    changes.dedup();
    changes
}
