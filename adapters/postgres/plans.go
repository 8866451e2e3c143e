package postgres

import "strconv"

// PostgreSQL keeps the plan of a prepared statement, unless a plan for the given arguments looks
// cheaper than one for any. Then it plans at each execution, which takes longer than most statements.
// So the statements of a busy server hide arguments from the planner in subqueries. For these it
// expects a tenth of the rows, which suits the rows of one user or one conversation. For a page of a
// whole table, see firstOf. TestScale finds statements that are planned each time.

// hidden is an argument, a number, that the planner does not see.
func hidden(argument statement) statement { return "(SELECT " + argument + "::bigint)" }

// oneOf is the condition that a column of a type is one of the values of an argument, however many
// it has.
func oneOf(argument, kind statement) statement {
	return "= ANY((SELECT " + argument + "::" + kind + "[])::" + kind + "[])"
}

// firstOf limits a query to the first rows of a whole table, which may be large: the planner must
// know that few of them are needed, or it sorts all. The caller's limits are constants, so that there
// are few statements.
func firstOf(limit int) statement { return "LIMIT " + literal(limit) }

func literal(limit int) statement { return statement(strconv.FormatInt(limited(limit), 10)) }
