package kithttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// EventMedia is the media type of server-sent events.
const EventMedia = "text/event-stream"

// ServerEvent is a server-sent event. Its texts have no line breaks, except Data.
type ServerEvent struct {
	ID    string // after which a client resumes; "" keeps the last one
	Type  string
	Data  []byte        // nil for a block that only sets the ID and Retry: clients do not dispatch it
	Retry time.Duration // to wait before the next connection; 0 keeps the last one
}

// ErrReader is the failure of a response whose client reads too slowly, or has stopped reading. It is
// returned to no client.
var ErrReader = fault.New(fault.Unavailable, "client_stopped_reading", "the client reads too slowly, or has stopped")

// EventWriter writes server-sent events to the response of a [Stream]. The timeouts of the http.Server
// do not apply to it. One goroutine may use it at a time.
type EventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	buffer  bytes.Buffer
}

// NewEventWriter returns an EventWriter. A client that does not take what Flush sends within the timeout
// is cut off; 0 means no timeout.
func NewEventWriter(w http.ResponseWriter, timeout time.Duration) (*EventWriter, error) {
	e := &EventWriter{w: w, control: http.NewResponseController(w), timeout: timeout}
	return e, without(e.control.SetReadDeadline(time.Time{})) // net/http ends the context of a request at it
}

// Write adds an event to what Flush sends.
func (e *EventWriter) Write(s ServerEvent) {
	line := func(name, value string) { _, _ = fmt.Fprintf(&e.buffer, "%s: %s\n", name, value) }
	if s.Retry > 0 {
		line("retry", strconv.FormatInt(s.Retry.Milliseconds(), 10))
	}
	if s.ID != "" {
		line("id", s.ID)
	}
	if s.Data != nil {
		line("event", s.Type)
		for _, data := range strings.Split(string(s.Data), "\n") {
			line("data", data)
		}
	}
	e.buffer.WriteByte('\n')
}

// Comment adds a line that clients ignore, so that the connection is not idle.
func (e *EventWriter) Comment() { e.buffer.WriteString(":\n\n") }

// Flush sends what was written.
func (e *EventWriter) Flush() error {
	if e.timeout > 0 {
		if err := without(e.control.SetWriteDeadline(time.Now().Add(e.timeout))); err != nil {
			return ErrReader.Wrap(err)
		}
	}
	if _, err := e.w.Write(e.buffer.Bytes()); err != nil {
		return ErrReader.Wrap(err)
	}
	e.buffer.Reset()
	if err := e.control.Flush(); err != nil {
		return ErrReader.Wrap(err)
	}
	// In HTTP/2 a deadline ends a stream also while nothing is written.
	return without(e.control.SetWriteDeadline(time.Time{}))
}

// without returns the error unless a writer, such as one of a test, has no deadlines.
func without(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// longestLine is the greatest number of bytes of a line of server-sent events that a client reads.
const longestLine = 1 << 20

// ReadEvents reads the body of a response with server-sent events, until it ends. It also yields blocks
// that only set the ID or Retry, and a zero event for each comment. The last error is io.EOF if the
// server has ended the body.
func ReadEvents(body io.Reader) iter.Seq2[ServerEvent, error] {
	return func(yield func(ServerEvent, error) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, longestLine)
		var s ServerEvent
		for lines.Scan() {
			line := strings.TrimSuffix(lines.Text(), "\r")
			if line == "" {
				if !yield(s, nil) {
					return
				}
				s = ServerEvent{}
				continue
			}
			s.read(line)
		}
		err := lines.Err()
		if err == nil {
			err = io.EOF
		}
		yield(ServerEvent{}, err)
	}
}

func (s *ServerEvent) read(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		s.ID = value
	case "event":
		s.Type = value
	case "retry":
		if ms, err := strconv.ParseInt(value, 10, 32); err == nil && ms > 0 {
			s.Retry = time.Duration(ms) * time.Millisecond
		}
	case "data":
		if s.Data != nil {
			s.Data = append(s.Data, '\n')
		}
		s.Data = append(append([]byte{}, s.Data...), value...)
	}
}
