package mongofake

// Flaw is a defect that a test plants to see whether other tests notice it.
type Flaw string

// The flaws that Plant knows.
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
