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

// The server keeps the plan of a prepared statement unless a plan for the arguments at hand looks
// cheaper to it than one for any. Then it plans each time, which takes longer than most statements do.
// So a statement that a busy server sends hides the arguments on which the costs depend: the planner
// does not see a value in a subquery, as in "LIMIT (SELECT $2::bigint)", and expects a tenth of the
// rows. That is right for those of one user or one conversation. A page of a whole table has its limit
// in the text: see firstOf. TestScale finds the statements that are planned each time.

// oneOf is the condition that a column is one of an argument's identifiers, however many it has.
func oneOf(argument statement) statement { return "= ANY((SELECT " + argument + "::uuid[])::uuid[])" }

// firstOf limits a query to the first rows of a whole table, which may be large: the server must know
// that it needs few of them, or it sorts all. The caller's limits are constants, so that there are few
// statements.
func firstOf(limit int) statement { return "LIMIT " + literal(limit) }

func literal(limit int) statement { return statement(strconv.FormatInt(limited(limit), 10)) }
