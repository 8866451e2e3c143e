package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/uow"
)

// lock prevents a second server from opening a file. It is an exclusive transaction on an empty
// database next to the file, and so a lock of the operating system. On every system that the driver
// supports, it ends with the process, however the process ends.
type lock struct{ conn *conn }

// acquireLock locks a store, or returns ErrInUse.
func acquireLock(ctx context.Context, path string) (*lock, error) {
	c, err := connect(ctx, path+".lock", access{pragmas: []pragma{{"busy_timeout", "0", "0"}}})
	if err != nil {
		return nil, fmt.Errorf("open %s.lock: %w", path, err)
	}
	if _, err := c.exec(ctx, "BEGIN EXCLUSIVE"); err != nil {
		if errors.Is(err, uow.ErrConflict) {
			err = ErrInUse
		}
		return nil, errors.Join(err, c.close())
	}
	return &lock{c}, nil
}

func (l *lock) release() error { return l.conn.close() }
