package histories

import (
	"context"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/ports"
)

// Secrets has the columns that contain a random secret, or a hash that is made of one. They are
// different in each store.
var Secrets = map[*ports.Table][]int{
	ports.SecondFactors: {1, 3}, ports.RefreshTokens: {0}, ports.PasswordResets: {2}, ports.SignupGrants: {0}, ports.Tries: {0, 1}, ports.StoreKeys: {1}, ports.Webhooks: {4, 5},
}

// dump returns all rows of a store as text, by table.
func (h *history) dump(s *side) map[string][]string {
	all := map[string][]string{}
	err := s.lanes[0].Store.Snapshot(h.ctx, func(ctx context.Context, tx ports.Tx) error {
		for _, table := range ports.Tables {
			rows, err := readAll(ctx, tx, table)
			if err != nil {
				return err
			}
			all[table.Name] = rows
		}
		return nil
	})
	if err != nil {
		h.Fatalf("read the %s: %v", s.name, err)
	}
	return all
}

func readAll(ctx context.Context, tx ports.Tx, table *ports.Table) (all []string, err error) {
	hidden := Secrets[table]
	for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
		if err != nil {
			return nil, err
		}
		for _, column := range hidden {
			row[column] = "a secret"
		}
		all = append(all, fmt.Sprintf("%v", row))
	}
	if len(hidden) > 0 {
		slices.Sort(all) // the rows may be ordered by the secret
	}
	return all, nil
}
