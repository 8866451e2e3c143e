package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// mapping says how one table's rows look as ports.Row. Each domain's file has those of its tables.
type mapping[R any] struct {
	tree func(s *state) *tree[R] // ordered by the table's key
	row  func(r R) ports.Row
	add  func(s *state, v *values) error // keeps the rules of the table
}

// anyMapping is a mapping whatever its rows are.
type anyMapping interface {
	read(s *state, after string, limit int) []ports.Row
	write(s *state, v *values) error
}

var mappings = map[*ports.Table]anyMapping{
	ports.Users:              accountRows,
	ports.Sessions:           sessionRows,
	ports.RefreshTokens:      refreshTokenRows,
	ports.PasswordResets:     resetRows,
	ports.Wallets:            walletRows,
	ports.TokenTransactions:  transactionRows,
	ports.Interests:          interestRows,
	ports.Profiles:           profileRows,
	ports.ProfileInterests:   profileInterestRows,
	ports.Conversations:      conversationRows,
	ports.Messages:           messageRows,
	ports.Attachments:        attachmentRows,
	ports.Reservations:       reservationRows,
	ports.Reports:            reportRows,
	ports.Blocks:             blockRows,
	ports.AuditRecords:       auditRecordRows,
	ports.IdempotencyRecords: idempotencyRecordRows,
	ports.StoreMarks:         markRows,
}

func (m mapping[R]) read(s *state, after string, limit int) []ports.Row {
	var page []ports.Row
	for _, r := range m.tree(s).ascend("", after) {
		if len(page) >= limit {
			break
		}
		page = append(page, m.row(r))
	}
	return page
}

func (m mapping[R]) write(s *state, v *values) error {
	err := m.add(s, v) // what it wrote of a value that could not be read is dropped with the unit
	if v.err != nil {
		return v.err
	}
	return err
}

// rows is ports.Rows.
type rows struct{ *unit }

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(s *state) error {
		if err := table.CheckKey(after); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		page = mappings[table].read(s, keyOf(after), limit)
		return nil
	})
	return page, err
}

func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(s *state) error {
		if err := table.Check(rows...); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		for _, row := range rows {
			if err := mappings[table].write(s, &values{row: row}); err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

// keyOf puts the values of a table's key together as its tree does; nil is "".
func keyOf(after []any) string {
	key := ""
	for _, value := range after {
		switch v := value.(type) {
		case [16]byte:
			key += idKey(v)
		case string:
			key += textKey(v)
		case int64:
			key += intKey(v)
		case []byte:
			key += string(v)
		}
	}
	return key
}

// values takes the values of a row one after the other; what is absent is the zero value. The
// first that cannot be read is kept in err.
type values struct {
	row ports.Row
	err error
}

func next[T any](v *values) T {
	value, _ := v.row[0].(T) // ports has looked at the types: what is none is nil
	v.row = v.row[1:]
	return value
}

func (v *values) id() [16]byte    { return next[[16]byte](v) }
func (v *values) text() string    { return next[string](v) }
func (v *values) int() int64      { return next[int64](v) }
func (v *values) bool() bool      { return next[bool](v) }
func (v *values) time() time.Time { return next[time.Time](v) }
func (v *values) bytes() []byte   { return bytes.Clone(next[[]byte](v)) }

func (v *values) hash() (h [32]byte) {
	b := next[[]byte](v)
	if len(b) != len(h) {
		v.fail(broken(fmt.Sprintf("a hash has 32 bytes, this has %d", len(b))))
		return h
	}
	return [32]byte(b)
}

func (v *values) metadata() tokens.Metadata {
	m, err := tokens.ParseMetadata([]byte(v.text()))
	v.fail(err)
	return m
}

func (v *values) details() moderation.Details {
	d, err := moderation.ParseDetails(v.text())
	if err != nil {
		err = broken("details are texts by name, in canonical form")
	}
	v.fail(err)
	return d
}

func (v *values) price() reservations.Price {
	p, err := reservations.ParsePrice(v.text())
	v.fail(err)
	return p
}

func (v *values) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// orNil is nil for what the domain has no value of.
func orNil[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}
