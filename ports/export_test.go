package ports

// Described describes a table that no store has.
func Described[T any](name string, visit func(v *T, f Fields)) (checker, Layout[T]) {
	l := layout(name, 1, visit)
	return checker{l.Table}, l
}

// checker checks rows of a table that is not in Tables.
type checker struct{ t *Table }

func (c checker) Check(row Row) error { return c.t.check(c.t.Columns, row) }

func (c checker) Row(f Fields) Row { return c.t.Row(f) }

// Reading returns the Fields that read a row.
func Reading(row Row) Fields { return &fromRow{row: row} }
