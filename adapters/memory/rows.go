package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
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
		m, known := mappings[table]
		if !known {
			return broken("there is no table " + table.Name)
		}
		start, err := keyOf(table, after)
		if err != nil {
			return fmt.Errorf("read %s: %w", table.Name, err)
		}
		page = m.read(s, start, limit)
		return nil
	})
	return page, err
}

func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(s *state) error {
		m, known := mappings[table]
		if !known {
			return broken("there is no table " + table.Name)
		}
		for _, row := range rows {
			if err := check(table.Columns, row); err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
			if err := m.write(s, &values{row: row}); err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

// keyOf puts the values of a table's key together as its tree does; nil is "".
func keyOf(table *ports.Table, after []any) (string, error) {
	if after == nil {
		return "", nil
	}
	if err := check(table.Columns[:table.Key], after); err != nil {
		return "", err
	}
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
		default:
			return "", broken(fmt.Sprintf("no key holds a %T", value))
		}
	}
	return key, nil
}

// check refuses values that are not what the columns say.
func check(columns []ports.Column, row []any) error {
	if len(row) != len(columns) {
		return broken(fmt.Sprintf("%d values for %d columns", len(row), len(columns)))
	}
	for i, c := range columns {
		if row[i] == nil && c.Nullable {
			continue
		}
		if !fits(c.Kind, row[i]) {
			return broken(fmt.Sprintf("%s cannot be a %T", c.Name, row[i]))
		}
		if s, isText := row[i].(string); isText && !text.Valid(s) {
			return broken(c.Name + " is not valid UTF-8 without NUL")
		}
	}
	return nil
}

func fits(kind ports.Kind, value any) bool {
	switch value.(type) {
	case [16]byte:
		return kind == ports.UUID
	case string:
		return kind == ports.Text || kind == ports.Decimal || kind == ports.JSON
	case int64:
		return kind == ports.Int
	case bool:
		return kind == ports.Bool
	case time.Time:
		return kind == ports.Time
	case []byte:
		return kind == ports.Bytes
	}
	return false
}

// values takes the values of a row one after the other; what is absent is the zero value. The
// first that cannot be read is kept in err.
type values struct {
	row ports.Row
	err error
}

func next[T any](v *values) T {
	value, _ := v.row[0].(T) // check has looked at the types: what is none is nil
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
	s := v.text()
	m, err := tokens.ParseMetadata([]byte(s))
	if err == nil && m.String() != s {
		err = broken("metadata is not in canonical form")
	}
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
	s := v.text()
	p, err := reservations.ParsePrice(s)
	if err == nil && p.String() != s {
		err = broken("a price has two places")
	}
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
