package postgres

import (
	"strconv"
	"strings"
)

// where is a condition of the parts that a question has: the server plans each combination for itself, where one
// statement for all of them could use no index.
type where struct {
	parts []string
	args  []any
}

// add adds a part. Every ? in it is its argument.
func (w *where) add(part string, arg ...any) {
	if len(arg) > 0 {
		w.args = append(w.args, arg[0])
		part = strings.ReplaceAll(part, "?", "$"+strconv.Itoa(len(w.args)))
	}
	w.parts = append(w.parts, part)
}

func (w *where) text() statement { return statement(strings.Join(w.parts, " AND ")) }
