package mongofake

import (
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// Cut says when a connection is cut.
type Cut int

// The moments. After its effect, a command was done and its client does not learn it.
const (
	NoCut Cut = iota
	BeforeEffect
	AfterEffect
)

// Error is an answer that a fault gives in place of the command's own.
type Error struct {
	Code    int32
	Message string
	Labels  []string
}

// Fault is something that goes wrong with chosen commands. Greetings of the driver count like any other
// command, so name the command that is meant.
type Fault struct {
	// Command is the name of the commands that are struck; empty means all.
	Command string
	// Match narrows them further; nil means all of them. It is called with the server's locks held.
	Match func(Command) bool
	// Skip lets so many matching commands pass first.
	Skip int
	// Times is how many are struck. Zero means one, a negative number all.
	Times int

	// Delay is waited before anything is done.
	Delay time.Duration
	// Cut ends the connection.
	Cut Cut
	// Error is answered. The command is not run and its transaction stays as it was, unless TakesEffect.
	Error *Error
	// TakesEffect runs the command all the same, and Error hides how it went.
	TakesEffect bool
}

func (f Fault) reply() bson.D {
	if f.Error == nil {
		return nil
	}
	message := f.Error.Message
	if message == "" {
		message = codeName(f.Error.Code)
	}
	return (&failure{code: f.Error.Code, message: message, labels: f.Error.Labels}).reply()
}

// Command is one that the server received, as an observer sees it.
type Command struct {
	Name       string
	Database   string
	Collection string // empty where the command has none
	Body       bson.D // all of it; not to be changed

	Session          string // the logical session's id, empty without one
	TxnNumber        int64  // of the transaction or retryable write, 0 without one
	InTransaction    bool   // autocommit: false was sent
	StartTransaction bool
	ReadConcern      bson.D // nil where none was sent
	WriteConcern     bson.D
	MaxTimeMS        int64
}

// Inject makes a fault wait for its commands. Of several that match, the first injected strikes. The
// returned function takes it away.
func (s *Server) Inject(f Fault) (remove func()) { return s.faults.inject(f) }

// Observe calls see with every command received, in order and before it is run, until stop is called.
// It is called with a lock held and must not use the server.
func (s *Server) Observe(see func(Command)) (stop func()) { return s.faults.observe(see) }

// faults holds what is to go wrong, and who watches.
type faults struct {
	mu        sync.Mutex
	waiting   []*Fault
	observers []*func(Command)
}

func (f *faults) inject(fault Fault) func() {
	if fault.Times == 0 {
		fault.Times = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &fault
	f.waiting = append(f.waiting, p)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.waiting = slices.DeleteFunc(f.waiting, func(o *Fault) bool { return o == p })
	}
}

func (f *faults) observe(see func(Command)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &see
	f.observers = append(f.observers, p)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.observers = slices.DeleteFunc(f.observers, func(o *func(Command)) bool { return o == p })
	}
}

// receive tells the observers of c and says what is to go wrong with it.
func (f *faults) receive(c *command) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.observers) == 0 && len(f.waiting) == 0 {
		return Fault{}
	}
	seen := c.observed()
	for _, see := range f.observers {
		(*see)(seen)
	}
	for i, fault := range f.waiting {
		if fault.Command != "" && fault.Command != c.name || fault.Match != nil && !fault.Match(seen) {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.waiting = slices.Delete(f.waiting, i, i+1)
			}
		}
		return *fault
	}
	return Fault{}
}
