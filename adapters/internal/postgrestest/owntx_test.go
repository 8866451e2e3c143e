package postgrestest

import (
	"path/filepath"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/programs"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// A message costs 3 of 5 tokens. A failed booking leaves no host row, no message and no payment.
func TestOwntx(t *testing.T) {
	dsn := servers.Postgres(t)
	program := filepath.Join(programs.Build(t, "examples/owntx"), "owntx")
	for range 2 { // the second run starts with the rows of the first
		got := programs.Run(t, programs.Command(t.Context(), []string{"CICERONE_POSTGRES_DSN=" + dsn}, program))
		const want = `room 12 is not booked: the card is refused
  rooms 0, messages 0, tokens 5
room 12 is booked
  rooms 1, messages 1, tokens 2
room 13 is not booked: too few tokens for the note
  rooms 1, messages 1, tokens 2
`
		if got.Code != 0 || got.Stdout != want || got.Stderr != "" {
			t.Errorf("got %v\nwant:\n%s", got, want)
		}
	}
}
