package copier

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// unitSize bounds a page that a copy reads and a unit of work that it writes.
type unitSize struct {
	rows   int // in a page
	images int // in a page of attachments, which are large
	bytes  int // in a unit of work, unless a single row has more
}

func (s unitSize) page(t *ports.Table) int {
	if t == ports.Attachments {
		return s.images
	}
	return s.rows
}

// copyTable writes the rows of a table that the copy does not have. Those that it has must be the
// first ones.
func (c *Copier) copyTable(ctx context.Context, t *ports.Table, progress func(Progress)) (CopiedTable, error) {
	done := CopiedTable{Table: t}
	err := c.inStep(ctx, t, func(after []any, want []ports.Row, found int) error {
		done.Rows += int64(len(want))
		done.Found += int64(found)
		if found > 0 {
			after = want[found-1][:t.Key]
		}
		if err := c.write(ctx, t, after, want[found:]); err != nil {
			return err
		}
		progress(Progress{Step: Copying, Table: t, Rows: done.Rows})
		return nil
	})
	return done, err
}

// compareTable returns ErrNotEqual if the rows of a table are not the same in both stores.
func (c *Copier) compareTable(ctx context.Context, t *ports.Table, progress func(Progress)) error {
	var rows int64
	return c.inStep(ctx, t, func(_ []any, want []ports.Row, found int) error {
		if found < len(want) {
			return fmt.Errorf("%w: the copy has no row %s", ErrNotEqual, keyText(t, want[found]))
		}
		rows += int64(found)
		progress(Progress{Step: Comparing, Table: t, Rows: rows})
		return nil
	})
}

// inStep reads a table of both stores page by page. It calls f with the key before the page, the
// source's rows, and how many of these the copy has. It returns ErrNotEqual if the copy's rows are
// not the first of the source's.
func (c *Copier) inStep(
	ctx context.Context, t *ports.Table, f func(after []any, want []ports.Row, found int) error,
) error {
	limit := c.size.page(t)
	for after, end := []any(nil), false; ; {
		want, err := readPage(ctx, c.from, t, after, limit)
		if err != nil {
			return err
		}
		var got []ports.Row
		if !end { // rows that f has written are not read again
			if got, err = readPage(ctx, c.to, t, after, limit); err != nil {
				return err
			}
			end = len(got) < limit
		}
		if err := comparePages(t, want, got); err != nil {
			return err
		}
		if len(want) > 0 {
			if err := f(after, want, len(got)); err != nil {
				return err
			}
		}
		if len(want) < limit {
			return nil
		}
		after = want[len(want)-1][:t.Key]
	}
}

func readPage(
	ctx context.Context, s *ports.Store, t *ports.Table, after []any, limit int,
) (page []ports.Row, err error) {
	err = s.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		page, err = readRows(ctx, tx.Rows(), t, after, limit)
		return err
	})
	return page, err
}

// readRows returns up to limit rows after a key, without the marks that describe a copy.
func readRows(ctx context.Context, rows ports.Rows, t *ports.Table, after []any, limit int) ([]ports.Row, error) {
	var page []ports.Row
	for row, err := range ports.Scan(ctx, rows, t, after, limit) {
		if err != nil {
			return nil, err
		}
		if t == ports.StoreMarks && (row[0] == copyBegun || row[0] == copyFinished) {
			continue
		}
		if page = append(page, row); len(page) == limit {
			break
		}
	}
	return page, nil
}

// comparePages compares the copy's rows with the first of the source's.
func comparePages(t *ports.Table, want, got []ports.Row) error {
	for i, row := range got {
		if i == len(want) {
			return fmt.Errorf("%w: the copy has the surplus row %s", ErrNotEqual, keyText(t, row))
		}
		for j, column := range t.Columns {
			switch {
			case sameValue(want[i][j], row[j]):
			case j < t.Key:
				return fmt.Errorf("%w: the source has the row %s next, and the copy has %s", ErrNotEqual,
					keyText(t, want[i]), keyText(t, row))
			default:
				return fmt.Errorf("%w: the row %s has another %s in the copy", ErrNotEqual, keyText(t, row),
					column.Name)
			}
		}
	}
	return nil
}

func sameValue(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	case []string:
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	return a == b
}

// write adds rows in units of work of bounded size. after is the key before the first row.
func (c *Copier) write(ctx context.Context, t *ports.Table, after []any, rows []ports.Row) error {
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size+rowSize(rows[n]) <= c.size.bytes) {
			size += rowSize(rows[n])
			n++
		}
		if err := c.writeUnit(ctx, t, after, rows[:n]); err != nil {
			return err
		}
		after, rows = rows[n-1][:t.Key], rows[n:]
	}
	return nil
}

// writeUnit adds rows in one unit of work. If the store refuses them, it adds them one by one, to
// find the row that is refused.
func (c *Copier) writeUnit(ctx context.Context, t *ports.Table, after []any, rows []ports.Row) error {
	err := c.add(ctx, t, after, rows)
	if err == nil || ctx.Err() != nil || errors.Is(err, fault.Unavailable) {
		return err
	}
	for i, row := range rows {
		if err := c.add(ctx, t, after, rows[i:i+1]); err != nil {
			return fmt.Errorf("the row %s: %w", keyText(t, row), err)
		}
		after = row[:t.Key]
	}
	return nil
}

// add adds rows in one unit of work. The unit is run again if its outcome is unknown. If it was
// committed, there are rows after the key, and it adds nothing.
func (c *Copier) add(ctx context.Context, t *ports.Table, after []any, rows []ports.Row) error {
	return c.to.DoRepeatable(ctx, func(ctx context.Context, tx ports.Tx) error {
		kept, err := readRows(ctx, tx.Rows(), t, after, 1)
		if err != nil || len(kept) > 0 {
			return err
		}
		return tx.Rows().Write(ctx, t, rows)
	})
}

// rowSize returns the approximate size of a row in bytes.
func rowSize(row ports.Row) int {
	size := 0
	for _, value := range row {
		switch v := value.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		case []string:
			for _, s := range v {
				size += 16 + len(s)
			}
		default:
			size += 16
		}
	}
	return size
}

// keyText formats the key of a row for error messages.
func keyText(t *ports.Table, row ports.Row) string {
	parts := make([]string, t.Key)
	for i, value := range row[:t.Key] {
		switch v := value.(type) {
		case [16]byte:
			parts[i] = id.Subject(v).String()
		case []byte:
			parts[i] = hex.EncodeToString(v)
		case string:
			parts[i] = fmt.Sprintf("%q", v)
		default:
			parts[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(parts, " ")
}
