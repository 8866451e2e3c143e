package reach_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/reach"
	"github.com/cicerone-go/cicerone/adapters/memory"
)

// TestWrong checks what Wrong reports if each method sends the same statement.
func TestWrong(t *testing.T) {
	for _, c := range []struct {
		statement string
		reaching  []string // the repositories that may not send it
	}{
		{"SELECT * FROM reservations", []string{
			"Events", "Idempotency", "Marks", "Matching", "Messaging", "Moderation", "Subscriptions", "Tokens", "Users", "Webhooks",
		}},
		{"UPDATE users SET name = 'Ada'", []string{"Events", "Idempotency", "Marks", "Subscriptions", "Tokens"}},
		{"SELECT * FROM store_marks", []string{
			"Events", "Idempotency", "Matching", "Messaging", "Moderation", "Notifications", "Reservations", "Subscriptions", "Tokens", "Users",
			"Webhooks",
		}},
		{"COMMIT", nil},
	} {
		var repositories []string
		wrong := try(t, c.statement)
		for _, w := range wrong {
			if method, _, found := strings.Cut(w, " uses the table "); found {
				repository, _, _ := strings.Cut(method, ".")
				repositories = append(repositories, repository)
			}
		}
		slices.Sort(repositories)
		if repositories = slices.Compact(repositories); !slices.Equal(repositories, c.reaching) {
			t.Errorf("%s: got %q, want %q", c.statement, repositories, c.reaching)
		}
		unused := slices.Contains(wrong, "Users.Save sent no statement with a table")
		if want := c.statement == "COMMIT"; unused != want {
			t.Errorf("%s: got %t for a method without a table, want %t", c.statement, unused, want)
		}
		unused = slices.Contains(wrong, "Users does not use its own table users")
		if want := !strings.Contains(c.statement, "users"); unused != want {
			t.Errorf("%s: got %t for an unused table, want %t", c.statement, unused, want)
		}
	}
}

func try(t *testing.T, statement string) []string {
	t.Helper()
	store := memory.New()
	sent := func() []reach.Statement { return []reach.Statement{reach.SQL(statement)} }
	wrong, err := reach.Wrong(t.Context(), store, sent)
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}
