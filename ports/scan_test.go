package ports_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// marks returns a store with marks that are named 1 to n.
func marks(t *testing.T, n int) *ports.Store {
	t.Helper()
	s := ports.NewStore(memory.New(), uow.Policy{})
	err := s.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			if err := tx.Marks().Mark(ctx, fmt.Sprint(i+1), time.UnixMilli(0).UTC()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spied calls a function for each Read, which may change the result.
type spied struct {
	ports.Rows
	read func(after []any, limit int, rows []ports.Row) ([]ports.Row, error)
}

func (s spied) Read(ctx context.Context, table *ports.Table, after []any, limit int) ([]ports.Row, error) {
	rows, err := s.Rows.Read(ctx, table, after, limit)
	if err != nil {
		return nil, err
	}
	return s.read(after, limit, rows)
}

// names returns the names of all marks of a scan.
func names(scan iter.Seq2[ports.Row, error]) (all []string, err error) {
	for row, err := range scan {
		if err != nil {
			return all, err
		}
		all = append(all, row[0].(string))
	}
	return all, nil
}

func TestScan(t *testing.T) {
	for _, test := range []struct {
		marks, page int
		after       []any
		want        string
		limits      []int
	}{
		{0, 0, nil, "", []int{500}},
		{3, 0, nil, "1 2 3", []int{500}},
		{5, 2, nil, "1 2 3 4 5", []int{2, 2, 2}},
		{4, 2, nil, "1 2 3 4", []int{2, 2, 2}},
		{5, 2, []any{"2"}, "3 4 5", []int{2, 2}},
		{5, 1, []any{"5"}, "", []int{1}},
	} {
		err := marks(t, test.marks).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			var limits []int
			rows := spied{tx.Rows(), func(_ []any, limit int, rows []ports.Row) ([]ports.Row, error) {
				limits = append(limits, limit)
				return rows, nil
			}}
			scan := ports.Scan(ctx, rows, ports.StoreMarks, test.after, test.page)
			for range 2 { // the second scan returns the same rows
				limits = nil
				got, err := names(scan)
				if err != nil || strings.Join(got, " ") != test.want || !slices.Equal(limits, test.limits) {
					t.Errorf("%d marks in pages of %d: got %q with the limits %v, error %v", test.marks, test.page,
						got, limits, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestScanReadsNoMoreThanIsAskedFor(t *testing.T) {
	err := marks(t, 6).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		reads := 0
		rows := spied{tx.Rows(), func(_ []any, _ int, rows []ports.Row) ([]ports.Row, error) {
			reads++
			return rows, nil
		}}
		for row, err := range ports.Scan(ctx, rows, ports.StoreMarks, nil, 2) {
			if err != nil {
				return err
			}
			clear(row) // the scan must keep its place
			if reads == 2 {
				break
			}
		}
		if reads != 2 {
			t.Errorf("the scan read %d pages", reads)
		}
		_, err := names(ports.Scan(ctx, rows, ports.Attachments, nil, 0))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestScanEndsAtTheFirstError(t *testing.T) {
	broken := errors.New("disk on fire")
	var first []ports.Row
	for name, test := range map[string]struct {
		read func(after []any, limit int, rows []ports.Row) ([]ports.Row, error)
		want string
	}{
		"cannot be read": {func(after []any, _ int, rows []ports.Row) ([]ports.Row, error) {
			if after != nil {
				return rows, broken
			}
			return rows, nil
		}, "disk on fire"},
		"more rows than asked for": {func(after []any, _ int, rows []ports.Row) ([]ports.Row, error) {
			if after != nil {
				return append(rows, rows...), nil
			}
			return rows, nil
		}, "the store returned 4 rows, but the limit was 2"},
		"rows of another shape": {func(after []any, _ int, rows []ports.Row) ([]ports.Row, error) {
			if after != nil {
				rows[1] = rows[1][:1]
			}
			return rows, nil
		}, "the store returned a row of 1 values for 2 columns"},
		"the first page again and again": {func(after []any, _ int, rows []ports.Row) ([]ports.Row, error) {
			if after == nil {
				first = rows
			}
			return first, nil
		}, "the store returned a page that ends with the key that it had to follow"},
	} {
		err := marks(t, 6).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			got, err := names(ports.Scan(ctx, spied{tx.Rows(), test.read}, ports.StoreMarks, nil, 2))
			if err == nil || err.Error() != "read store_marks: "+test.want || len(got) != 2 {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestForAudit(t *testing.T) {
	err := ports.ForAudit(marks(t, 3)).Snapshot(t.Context(), func(ctx context.Context, tx audit.Tx) error {
		for record, err := range tx.Records().Each(ctx, "store_marks") {
			if err != nil {
				return err
			}
			if name, err := record.Value("name"); name != "1" || err != nil {
				t.Errorf("the first mark is %v, error %v", name, err)
			}
			v, err := record.Value("colour")
			if v != nil || err == nil || err.Error() != "store_marks has no such column" {
				t.Errorf("a column that does not exist: got %v, error %v", v, err)
			}
			break
		}
		for record, err := range tx.Records().Each(ctx, "unicorns") {
			if record != nil || err == nil || err.Error() != "read unicorns: there is no such table" {
				t.Errorf("a table that does not exist: got %v, error %v", record, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
