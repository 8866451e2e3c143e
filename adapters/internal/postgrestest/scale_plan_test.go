package postgrestest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// sent is a question as the adapter sent it, or a write.
type sent struct {
	sql     string
	args    []any
	writes  bool // it starts with INSERT, UPDATE or DELETE
	general bool // its transaction has set plan_cache_mode, so that the server keeps its plan
}

// recorder is a tracer that keeps the questions which a store sends.
type recorder struct {
	mu        sync.Mutex
	questions []sent
	general   bool // see sent
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if !strings.Contains(data.SQL, "pg_try_advisory_lock") { // of a new connection, before any unit
		r.keep(data.SQL, data.Args)
	}
	return ctx
}

func (*recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (*recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	r.keep(data.SQL, data.Args)
}

func (r *recorder) keep(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := strings.Fields(sql)[0]
	general := strings.Contains(sql, "force_generic_plan")
	if general || first == "BEGIN" || first == "COMMIT" {
		r.general = general
		return
	}
	writes := first == "INSERT" || first == "UPDATE" || first == "DELETE"
	r.questions = append(r.questions, sent{sql, args, writes, r.general})
}

// take is what was kept since it was called last.
func (r *recorder) take() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.questions
	r.questions = nil
	return all
}

// planner asks a server how it answers questions.
type planner struct {
	conn  *pgx.Conn
	made  int
	tells bool // whether pg_prepared_statements counts plans, which it does since PostgreSQL 14
}

func newPlanner(t *testing.T, dsn string) *planner {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	var version int
	must(t, conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version))
	return &planner{conn: conn, tells: version >= 140000}
}

// A server answers a prepared statement with a plan for the arguments at hand, or with one for any.
// It takes the latter where it looks no worse, after some times.
const (
	custom  = "custom"
	generic = "generic"
)

// plan is how the server answered a question.
type plan struct {
	Root   node    `json:"Plan"`
	Millis float64 `json:"Execution Time"`
}

// node is a step of a plan.
type node struct {
	Kind     string  `json:"Node Type"`
	Table    string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"` // in each loop
	Dropped  float64 `json:"Rows Removed by Filter"`
	Rechecks float64 `json:"Rows Removed by Index Recheck"`
	Joined   float64 `json:"Rows Removed by Join Filter"`
	Loops    float64 `json:"Actual Loops"`
	Hit      int64   `json:"Shared Hit Blocks"` // with those of the steps below
	Read     int64   `json:"Shared Read Blocks"`
	Plans    []node  `json:"Plans"`
}

// all goes through a step and those below it.
func (n node) all() iter.Seq[node] {
	return func(yield func(node) bool) { n.walk(yield) }
}

func (n node) walk(yield func(node) bool) bool {
	return yield(n) && !slices.ContainsFunc(n.Plans, func(below node) bool { return !below.walk(yield) })
}

// inVain is how many rows were looked at in vain.
func (n node) inVain() (rows float64) {
	for step := range n.all() {
		rows += (step.Dropped + step.Rechecks + step.Joined) * step.Loops
	}
	return rows
}

// widest is the index from which most rows were read.
func (n node) widest() (index string) {
	most := -1.0
	for step := range n.all() {
		if rows := (step.Rows + step.Dropped) * step.Loops; step.Index != "" && rows > most {
			index, most = step.Index, rows
		}
	}
	return index
}

// tables are those of a schema that have a lot of rows.
func (p *planner) tables(t *testing.T, schema string) map[string]bool {
	t.Helper()
	rows, err := p.conn.Query(t.Context(), `SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
		WHERE relkind = 'r' AND nspname = $1 AND reltuples > $2`, schema, aLot)
	must(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	large := map[string]bool{}
	for _, name := range names {
		large[name] = true
	}
	return large
}

// explain runs a query as the adapter runs it, as a prepared statement, and returns its plan.
func (p *planner) explain(ctx context.Context, kind string, q sent) (made plan, err error) {
	name, execute, err := p.prepare(ctx, q)
	if err != nil {
		return made, err
	}
	if _, err := p.conn.Exec(ctx, "SET plan_cache_mode = force_"+kind+"_plan"); err != nil {
		return made, err
	}
	var answer []byte
	explain := "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + execute
	if err := p.conn.QueryRow(ctx, explain, pgx.QueryExecModeSimpleProtocol).Scan(&answer); err != nil {
		return made, err
	}
	var plans []plan
	if err := json.Unmarshal(answer, &plans); err != nil {
		return made, err
	}
	return plans[0], p.conn.Deallocate(ctx, name)
}

// prepare makes a prepared statement of a query, and returns its name and the statement that executes
// it.
func (p *planner) prepare(ctx context.Context, q sent) (name, execute string, err error) {
	p.made++
	name = fmt.Sprintf("question_%d", p.made)
	prepared, err := p.conn.Prepare(ctx, name, q.sql)
	if err != nil {
		return "", "", err
	}
	values := make([]string, len(q.args))
	for i, arg := range q.args {
		if values[i], err = literal(p.conn.TypeMap(), prepared.ParamOIDs[i], arg); err != nil {
			return "", "", err
		}
	}
	execute = "EXECUTE " + name
	if len(values) > 0 {
		execute += " (" + strings.Join(values, ", ") + ")"
	}
	return name, execute, nil
}

// keeps reports whether PostgreSQL keeps the plan of a query that is executed many times. It does
// not run the query. It needs PostgreSQL 14 or later.
func (p *planner) keeps(ctx context.Context, q sent) (kept bool, err error) {
	name, execute, err := p.prepare(ctx, q)
	if err != nil {
		return false, err
	}
	if _, err := p.conn.Exec(ctx, "SET plan_cache_mode = auto"); err != nil {
		return false, err
	}
	const firstPlans = 5 // it always makes so many before it compares their costs with that of a plan for any
	for range firstPlans + 1 {
		if _, err := p.conn.Exec(ctx, "EXPLAIN "+execute, pgx.QueryExecModeSimpleProtocol); err != nil {
			return false, err
		}
	}
	err = p.conn.QueryRow(ctx, "SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = $1", name).Scan(&kept)
	if err != nil {
		return false, err
	}
	return kept, p.conn.Deallocate(ctx, name)
}

// literal writes an argument down as SQL.
func literal(types *pgtype.Map, kind uint32, arg any) (string, error) {
	text, err := types.Encode(kind, pgtype.TextFormatCode, arg, nil)
	if err != nil {
		return "", err
	}
	if text == nil {
		return "NULL", nil
	}
	return "'" + strings.ReplaceAll(string(text), "'", "''") + "'", nil
}
