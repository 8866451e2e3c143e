package mongofake

import (
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// Cut is the moment at which a connection is cut.
type Cut int

// The moments at which a connection is cut. With AfterEffect the command has taken effect, and its
// client does not receive the reply.
const (
	NoCut Cut = iota
	BeforeEffect
	AfterEffect
)

// Error is an error that a fault returns in place of the command's own reply.
type Error struct {
	Code    int32
	Message string
	Labels  []string
}

// Fault is a failure of chosen commands. The driver's own commands, such as isMaster, count like any
// other: set Command or Match to leave them out.
type Fault struct {
	// Command is the name of the commands that fail. Empty means any command.
	Command string
	// Match selects among those commands. Nil selects all. It is called with the server's locks held.
	Match func(Command) bool
	// Skip is the number of matching commands that succeed first.
	Skip int
	// Times is the number of commands that fail. Zero means one, and a negative number means all.
	Times int

	// Delay is the time to wait before the command is run or fails.
	Delay time.Duration
	// Late runs the command after the delay even if its client has closed the connection, as a server does
	// that receives both late.
	Late bool
	// Cut closes the connection.
	Cut Cut
	// Error is returned. Without TakesEffect the command is not run, and its transaction stays as it was.
	Error *Error
	// TakesEffect runs the command although Error is returned in place of its reply.
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

// Command is a command that the server received, as an observer sees it.
type Command struct {
	Name       string
	Database   string
	Collection string // empty if the command names no collection
	Body       bson.D // the whole command; it must not be changed

	Session          string // the id of the logical session, or empty
	TxnNumber        int64  // of the transaction or retryable write, or 0
	InTransaction    bool   // autocommit: false was sent
	StartTransaction bool
	ReadConcern      bson.D // nil if it was not sent
	WriteConcern     bson.D
	MaxTimeMS        int64
}

// Inject adds a fault, which applies to the commands that match it. If several faults match a command,
// the one that was injected first applies. The returned function removes the fault.
func (s *Server) Inject(f Fault) (remove func()) { return s.faults.inject(f) }

// Observe calls see with every command that the server receives, in order and before it is run, until
// stop is called. see is called with a lock held and must not use the server.
func (s *Server) Observe(see func(Command)) (stop func()) { return s.faults.observe(see) }

// faults holds the injected faults and the observers.
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

// receive passes c to the observers, and returns the fault that applies to it.
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
