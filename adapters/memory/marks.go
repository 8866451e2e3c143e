package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

// mark is a row: a note on the store as a whole.
type mark struct {
	name  string
	since time.Time
}

type markTables struct {
	marks tree[mark] // name
}

func (t *markTables) copy() markTables { return markTables{marks: t.marks.copy()} }

// marks is ports.Marks.
type marks struct{ *unit }

func (r marks) Marked(ctx context.Context, name string) (since time.Time, marked bool, err error) {
	err = r.read(ctx, func(s *state) error {
		var m mark
		m, marked = s.marks.get(textKey(name))
		since = m.since
		return nil
	})
	return since, marked, err
}

func (r marks) Mark(ctx context.Context, name string, at time.Time) error {
	return r.write(ctx, func(s *state) error {
		if key := textKey(name); !s.marks.has(key) {
			s.marks.put(key, mark{name: name, since: at})
		}
		return nil
	})
}

var markRows = mapping[mark]{
	tree: func(s *state) *tree[mark] { return &s.marks },
	row:  func(m mark) ports.Row { return ports.Row{m.name, m.since} },
	add: func(s *state, v *values) error {
		m := mark{name: v.text(), since: v.time()}
		if s.marks.has(textKey(m.name)) {
			return taken("a mark")
		}
		s.marks.put(textKey(m.name), m)
		return nil
	},
}
