package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

type markTables struct {
	marks tree[ports.Mark] // name
}

func (t *markTables) copy() markTables { return markTables{marks: t.marks.copy()} }

func (t *markTables) addMark(m ports.Mark) error {
	if t.marks.has(textKey(m.Name)) {
		return taken("a mark")
	}
	t.marks.put(textKey(m.Name), m)
	return nil
}

// marks implements ports.Marks.
type marks struct{ *unit }

func (r marks) Marked(ctx context.Context, name string) (since time.Time, marked bool, err error) {
	err = r.read(ctx, func(s *state) error {
		var m ports.Mark
		m, marked = s.marks.get(textKey(name))
		since = m.CreatedAt
		return nil
	})
	return since, marked, err
}

func (r marks) Mark(ctx context.Context, name string, at time.Time) error {
	return r.write(ctx, func(s *state) error {
		if key := textKey(name); !s.marks.has(key) {
			s.marks.put(key, ports.Mark{Name: name, CreatedAt: at})
		}
		return nil
	})
}
