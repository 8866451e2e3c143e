package mongofake

// Flaw is an error that tests plant, to see whether they would notice it.
type Flaw string

// The flaws.
const (
	NoIsolation   Flaw = "isolation"
	NoConflict    Flaw = "conflict"
	NoUniqueness  Flaw = "uniqueness"
	NoRetryMemory Flaw = "retryable writes"
)

// Plant puts a flaw into a server.
func (s *Server) Plant(f Flaw) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.flaws = flaws{
		isolation:  f == NoIsolation,
		conflict:   f == NoConflict,
		uniqueness: f == NoUniqueness,
		retryable:  f == NoRetryMemory,
	}
}
