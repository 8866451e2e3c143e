package sqlite

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for the counts of tries.

var tries = tableOf(ports.TriesLayout)

func (repo usersRepository) HoldTries(ctx context.Context, hashes ...users.SecretHash) (counts []users.Tries, err error) {
	err = repo.write(ctx, func(c *conn) error {
		if len(hashes) == 0 {
			return nil
		}
		counts, err = list(ctx, c, tries.scan,
			"SELECT "+tries.columns+" FROM tries WHERE hash IN ("+marksFor(len(hashes))+")", hashArgs(hashes)...)
		return err
	})
	return counts, err
}

func hashArgs(hashes []users.SecretHash) []any {
	args := make([]any, len(hashes))
	for i := range hashes {
		args[i] = hashes[i][:]
	}
	return args
}

func (repo usersRepository) SaveTries(ctx context.Context, counts ...users.Tries) error {
	return repo.write(ctx, func(c *conn) error {
		return saveTries(ctx, c, " ON CONFLICT DO UPDATE SET count = excluded.count, last_at = excluded.last_at, "+
			"told = excluded.told, expires_at = excluded.expires_at", counts)
	})
}

func saveTries(ctx context.Context, c *conn, onConflict string, counts []users.Tries) error {
	for _, count := range counts {
		if _, err := c.exec(ctx, tries.insert+onConflict, tries.args(count)...); err != nil {
			return err
		}
	}
	return nil
}

func (repo usersRepository) GiveBackTries(ctx context.Context, hashes []users.SecretHash, known ...users.Tries) error {
	return repo.write(ctx, func(c *conn) error {
		for _, hash := range hashes {
			if _, err := c.exec(ctx, "UPDATE tries SET count = count - 1 WHERE hash = ? AND count > 0", hash[:]); err != nil {
				return err
			}
		}
		return saveTries(ctx, c, " ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)", known)
	})
}

func (repo usersRepository) DropTries(ctx context.Context, subject users.SecretHash) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM tries WHERE subject = ?", subject[:])
		return err
	})
}

func (repo usersRepository) PurgeTries(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM tries WHERE hash IN (
			SELECT hash FROM tries WHERE expires_at <= ? ORDER BY expires_at, hash LIMIT +?)`, milli(before), limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}
