package sqlite

import (
	"context"
	"errors"
	"time"
)

// marks implements ports.Marks.
type marks struct{ *unit }

func (r marks) Marked(ctx context.Context, name string) (since time.Time, marked bool, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		since, err = find(ctx, c, value((*row).time), "SELECT created_at FROM store_marks WHERE name = ?", name)
		if marked = err == nil; errors.Is(err, errNone) {
			return nil
		}
		return err
	})
	return since, marked, err
}

func (r marks) Mark(ctx context.Context, name string, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO store_marks (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, milli(at))
		return err
	})
}
