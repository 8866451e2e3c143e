package postgres

import (
	"strconv"
	"strings"
)

// where is the condition of a query with optional parts. The server plans each combination for
// itself; a single statement for all combinations could not use an index.
type where struct {
	parts []string
	args  []any
}

// add adds a part. Every ? in it stands for the argument.
func (w *where) add(part string, arg ...any) {
	if len(arg) > 0 {
		w.args = append(w.args, arg[0])
		part = strings.ReplaceAll(part, "?", "$"+strconv.Itoa(len(w.args)))
	}
	w.parts = append(w.parts, part)
}

func (w *where) text() statement { return statement(strings.Join(w.parts, " AND ")) }
