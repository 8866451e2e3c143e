package ports

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// The rows that Scan reads at a time if the caller does not choose. Images are large.
const (
	scanPage   = 500
	scanImages = 4
)

// Scan returns the rows of a table in ascending order of its key: those after a key, or from the
// first if after is nil. It reads at most page rows at a time; 0 means 500, and 4 of Attachments.
// Every scan of the sequence reads the rows again.
//
// It ends at the first error, which it returns with a nil Row: an error of Rows.Read, or one that
// says that the store does not keep the promises of Read, which would make the scan wrong or
// endless. The caller may keep and change the rows, but not the bytes of a []byte value before the
// scan has ended.
func Scan(ctx context.Context, rows Rows, table *Table, after []any, page int) iter.Seq2[Row, error] {
	switch {
	case page > 0:
	case table == Attachments:
		page = scanImages
	default:
		page = scanPage
	}
	return func(yield func(Row, error) bool) {
		for after, more := after, true; more; {
			got, err := rows.Read(ctx, table, after, page)
			if err == nil {
				err = checkPage(table, got, after, page)
			}
			if err != nil {
				yield(nil, fmt.Errorf("read %s: %w", table.Name, err))
				return
			}
			if more = len(got) == page; more {
				after = slices.Clone(got[page-1][:table.Key])
			}
			for _, row := range got {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// checkPage returns an error if Read returned too many rows, rows of another shape or the same page
// again.
func checkPage(table *Table, got []Row, after []any, page int) error {
	if len(got) > page {
		return fmt.Errorf("the store returned %d rows, but the limit was %d", len(got), page)
	}
	for _, row := range got {
		if len(row) != len(table.Columns) {
			return fmt.Errorf("the store returned a row of %d values for %d columns", len(row), len(table.Columns))
		}
	}
	if len(got) > 0 && after != nil && reflect.DeepEqual([]any(got[len(got)-1][:table.Key]), after) {
		return fmt.Errorf("the store returned a page that ends with the key that it had to follow")
	}
	return nil
}
