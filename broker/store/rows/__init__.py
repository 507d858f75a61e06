"""The SQL statements of writes, inside the transaction of the caller: a module for each kind of rows."""
