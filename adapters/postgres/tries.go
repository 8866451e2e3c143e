package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for the counts of tries.

var (
	tries    = tableOf(ports.TriesLayout)
	putTries = tries.insert + " ON CONFLICT (hash) DO UPDATE SET " + tries.replace("hash", "subject")
	addTries = tries.insert + " ON CONFLICT (hash) DO UPDATE SET expires_at = greatest(tries.expires_at, excluded.expires_at)"
)

// holdTries locks hashes, which may have no row yet, in ascending order.
func (c *conn) holdTries(hashes []users.SecretHash) {
	for _, hash := range slices.SortedFunc(slices.Values(hashes), compareHashes) {
		c.hold("tries", string(hash[:]))
	}
}

func compareHashes(a, b users.SecretHash) int { return bytes.Compare(a[:], b[:]) }

// HoldTries locks the hashes in statements before the one that reads the counts, so that it sees what
// the last holder committed.
func (repo usersRepository) HoldTries(ctx context.Context, hashes ...users.SecretHash) (counts []users.Tries, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		c.holdTries(hashes)
		wanted := make([][]byte, len(hashes))
		for i := range hashes {
			wanted[i] = hashes[i][:]
		}
		counts, err = list(ctx, c, tries.scan, "SELECT "+tries.columns+" FROM @tries WHERE hash "+oneOf("$1", "bytea"), wanted)
		return err
	})
	return counts, err
}

func (repo usersRepository) SaveTries(ctx context.Context, counts ...users.Tries) error {
	return repo.write(ctx, func(c *conn) error {
		for _, count := range counts {
			c.later(putTries, tries.args(count)...)
		}
		return nil
	})
}

func (repo usersRepository) GiveBackTries(ctx context.Context, hashes []users.SecretHash, known ...users.Tries) error {
	return repo.write(ctx, func(c *conn) error {
		held := slices.Clone(hashes)
		for _, count := range known {
			held = append(held, count.Hash)
		}
		c.holdTries(held)
		for _, hash := range hashes {
			c.later("UPDATE @tries SET count = count - 1 WHERE hash = $1 AND count > 0", hash[:])
		}
		for _, count := range known {
			c.later(addTries, tries.args(count)...)
		}
		return nil
	})
}

func (repo usersRepository) DropTries(ctx context.Context, subject users.SecretHash) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @tries WHERE subject = $1", subject[:])
		return nil
	})
}

// PurgeTries skips counts that another unit is about to change.
func (repo usersRepository) PurgeTries(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @tries WHERE hash = ANY(ARRAY(
			SELECT hash FROM @tries WHERE expires_at <= $1
			ORDER BY expires_at, hash LIMIT $2 FOR UPDATE SKIP LOCKED))`, before, limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}
