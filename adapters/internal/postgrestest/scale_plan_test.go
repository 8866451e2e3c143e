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

// sent is a question as the adapter sent it.
type sent struct {
	sql  string
	args []any
}

// recorder is a tracer that keeps the questions which a store sends.
type recorder struct {
	mu        sync.Mutex
	questions []sent
}

func (*recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (*recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (*recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	switch strings.Fields(data.SQL)[0] {
	case "BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE":
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.questions = append(r.questions, sent{data.SQL, data.Args})
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
	conn *pgx.Conn
	made int
}

func newPlanner(t *testing.T, dsn string) *planner {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close(context.Background())) })
	return &planner{conn: conn}
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
	p.made++
	name := fmt.Sprintf("question_%d", p.made)
	prepared, err := p.conn.Prepare(ctx, name, q.sql)
	if err != nil {
		return made, err
	}
	values := make([]string, len(q.args))
	for i, arg := range q.args {
		if values[i], err = literal(p.conn.TypeMap(), prepared.ParamOIDs[i], arg); err != nil {
			return made, err
		}
	}
	execute := "EXECUTE " + name
	if len(values) > 0 {
		execute += " (" + strings.Join(values, ", ") + ")"
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
