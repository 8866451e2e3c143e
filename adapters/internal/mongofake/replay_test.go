package mongofake_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

const histories = "histories.jsonl.gz"

var recordings = []string{"writes.json", "reads.json", "transactions.json", "administration.json", histories}

type scenario struct {
	Name  string
	Steps []step
}

type step struct {
	Session string
	LSID    bool
	DB      string
	Command json.RawMessage
	Reply   json.RawMessage
}

func load(t testing.TB, file string) []scenario {
	t.Helper()
	p, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if file != histories {
		var topic struct{ Scenarios []scenario }
		if err := json.Unmarshal(p, &topic); err != nil {
			t.Fatal(err)
		}
		return topic.Scenarios
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	var list []scenario
	decoder := json.NewDecoder(bufio.NewReader(unzipped))
	for {
		var s scenario
		switch err := decoder.Decode(&s); err {
		case nil:
			list = append(list, s)
		case io.EOF:
			return list
		default:
			t.Fatal(err)
		}
	}
}

// least is the number of steps of each recording that must be equal. Without a feature that the adapter
// needs, the fake does not reach it.
var least = map[string]int{
	"writes.json": 89, "reads.json": 50, "transactions.json": 174, "administration.json": 24, histories: 13_130,
}

// TestRecordings replays the recordings, and compares the replies. It leaves out a step for which the fake
// prints that it lacks a feature and, unless the step is a read, the rest of its scenario.
func TestRecordings(t *testing.T) {
	var lacks lacking
	server, err := mongofake.New(mongofake.Config{Printf: lacks.add})
	must(t, err)
	t.Cleanup(server.Stop)
	equals, leftOut := 0, 0
	for _, file := range recordings {
		equal, excepted := 0, 0
		for _, s := range load(t, file) {
			p := newPlayer(t, server)
			for i, st := range s.Steps {
				lacks.take()
				name, difference := fmt.Sprintf("%s/%s/%d", file, s.Name, i+1), p.play(st)
				if difference == "" {
					equal++
					continue
				}
				missing := lacks.take()
				if len(missing) == 0 {
					t.Errorf("%s: %s", name, difference)
					continue
				}
				t.Logf("%s is left out: %s", name, strings.Join(missing, ", "))
				excepted++
				if !st.reads() {
					excepted += len(s.Steps) - i - 1
					break
				}
			}
			p.close()
		}
		t.Logf("%s: %d steps equal, %d left out", file, equal, excepted)
		if equal < least[file] || (file == "transactions.json" || file == histories) && excepted > 0 {
			t.Errorf("%s: %d steps are equal and %d left out, want at least %d equal", file, equal, excepted, least[file])
		}
		equals += equal
		leftOut += excepted
	}
	t.Attr("counts", fmt.Sprintf("%d recorded steps equal, %d left out", equals, leftOut))
}

// lacking collects what the fake prints: the features that it lacks.
type lacking struct {
	mu    sync.Mutex
	names []string
}

func (l *lacking) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names = append(l.names, fmt.Sprintf(format, args...))
}

func (l *lacking) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.names
	l.names = nil
	return taken
}

// reads reports whether a step changes nothing.
func (st step) reads() bool {
	var command bson.D
	return bson.UnmarshalExtJSON(st.Command, true, &command) == nil &&
		slices.Contains([]string{"find", "aggregate"}, command[0].Key)
}

// A planted flaw must make a recording fail.
func TestRecordingsNoticeFlaws(t *testing.T) {
	for flaw, files := range map[mongofake.Flaw][]string{
		mongofake.NoIsolation:   {"transactions.json", histories},
		mongofake.NoConflict:    {"transactions.json", histories},
		mongofake.NoUniqueness:  {"writes.json", "transactions.json", histories},
		mongofake.NoRetryMemory: {"writes.json"},
	} {
		server := start(t)
		server.Plant(flaw)
		for _, file := range files {
			different := 0
			list := load(t, file)
			for _, s := range list[:min(len(list), 50)] {
				p := newPlayer(t, server)
				for _, st := range s.Steps {
					if p.play(st) != "" {
						different++
					}
				}
				p.close()
			}
			if different == 0 {
				t.Errorf("%s: no step differs with the flaw in %s", file, flaw)
			}
		}
	}
}

// player replays one scenario in a database of its own, with a connection and an lsid for each session name.
type player struct {
	t       testing.TB
	server  *mongofake.Server
	db      string
	conns   map[string]*raw
	cursors map[string]int64
}

var played struct {
	sync.Mutex
	n int
}

func newPlayer(t testing.TB, server *mongofake.Server) *player {
	t.Helper()
	played.Lock()
	defer played.Unlock()
	played.n++
	return &player{
		t: t, server: server, db: fmt.Sprintf("replay%d", played.n),
		conns: map[string]*raw{}, cursors: map[string]int64{},
	}
}

func (p *player) close() {
	for _, c := range p.conns {
		_ = c.conn.Close()
	}
}

// play replays a step. It returns how the reply differs from the recording, or "".
func (p *player) play(st step) string {
	p.t.Helper()
	var want bson.D
	p.parse(st.Reply, &want)
	got, expected := fields(p.recorded(p.send(st), st.Session).(bson.D)), fields(want)
	if slices.Equal(got, expected) {
		return ""
	}
	return fmt.Sprintf("%s\n got %s\nwant %s", st.Command, strings.Join(got, ", "), strings.Join(expected, ", "))
}

// send sends a step's command over its session's connection.
func (p *player) send(st step) bson.D {
	p.t.Helper()
	conn := p.conns[st.Session]
	if conn == nil {
		conn = dial(p.t, p.server.Address())
		p.conns[st.Session] = conn
	}
	var command bson.D
	p.parse(st.Command, &command)
	for i, e := range command {
		switch {
		case e.Key == "getMore" && e.Value == "cursor":
			command[i].Value = p.cursors[st.Session]
		case e.Key == "cursors" && get(command, "killCursors") != nil:
			if ids := e.Value.(bson.A); ids[0] == "cursor" {
				command[i].Value = bson.A{p.cursors[st.Session]}
			}
		}
	}
	if st.LSID {
		id := sha256.Sum256([]byte(p.db + "/" + st.Session))
		lsid := bson.D{{Key: "id", Value: primitive.Binary{Subtype: 4, Data: id[:16]}}}
		command = append(command, bson.E{Key: "lsid", Value: lsid})
	}
	db := st.DB
	if db == "" {
		db = p.db
	}
	if get(command, "$db") == nil {
		command = append(command, bson.E{Key: "$db", Value: db})
	}
	reply, err := conn.send(command)
	if err != nil {
		p.t.Fatalf("%s: %v", st.Command, err)
	}
	if cursor, ok := get(reply, "cursor").(bson.D); ok {
		if id, ok := get(cursor, "id").(int64); ok && id != 0 {
			p.cursors[st.Session] = id
		}
	}
	return reply
}

func (p *player) parse(text []byte, into *bson.D) {
	p.t.Helper()
	if err := bson.UnmarshalExtJSON(text, true, into); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
}

// recorded returns a reply in the form that the recordings have.
func (p *player) recorded(v any, session string) any {
	switch v := v.(type) {
	case bson.D:
		d := bson.D{}
		for _, e := range v {
			switch {
			case e.Key == "errmsg" || e.Key == "keyValue":
				continue
			case e.Key == "id" && e.Value == p.cursors[session] && e.Value != int64(0):
				e.Value = "open"
			case e.Key == "cursorsKilled":
				e.Value = bson.A{"cursor"}
			default:
				e.Value = p.recorded(e.Value, session)
			}
			d = append(d, e)
		}
		return d
	case bson.A:
		a := bson.A{}
		for _, item := range v {
			a = append(a, p.recorded(item, session))
		}
		return a
	case string:
		if v == p.server.Address() {
			return "HOST"
		}
		return strings.Replace(v, p.db+".", "DB.", 1)
	}
	return v
}

// fields returns the fields of a document as sorted texts. The order of a reply's fields does not matter.
func fields(d bson.D) []string {
	list := make([]string, len(d))
	for i, e := range d {
		p, err := bson.MarshalExtJSON(bson.D{e}, true, false)
		if err != nil {
			list[i] = err.Error()
			continue
		}
		list[i] = string(p)
	}
	slices.Sort(list)
	return list
}
