package wiring

import (
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// IndexMode says whether searches for people are answered from memory.
type IndexMode string

// The modes. The zero value is IndexOn for a store that one server at a time can open, as
// wiring/memory and wiring/sqlite do, and else IndexOff: the servers of one store would each have
// an index of their own, which does not see at once what the others change.
const (
	IndexOn  IndexMode = "on"
	IndexOff IndexMode = "off"
)

// MatchIndex configures the index that answers searches for people from memory, while App.Run runs.
// See adapters/matchindex for what it takes, and for what a search may miss.
type MatchIndex struct {
	Mode   IndexMode
	Policy matchindex.Policy
}

func (p *problems) matchIndex(m MatchIndex) {
	p.check(m.Mode == "" || m.Mode == IndexOn || m.Mode == IndexOff, "MatchIndex.Mode", "must be empty, on or off, is %q", m.Mode)
	p.fields("MatchIndex.Policy.", m.Policy.Check)
}

// NewMatchIndex returns the index of profiles, or nil if the Config has none. App.Run lets it
// follow the store. Config.Decorate sees the searches, but not what the index reads itself.
func NewMatchIndex(
	c Checked, units uow.Runner[ports.Tx], storage ports.Storage, r *Readiness, now clock.Clock,
) (*matchindex.Index, error) {
	if c.MatchIndex.Mode != IndexOn || storage == nil {
		return nil, nil
	}
	index, err := matchindex.New(matchindex.Deps{Runner: units, Reader: r.watch(storage), Clock: now, Policy: c.MatchIndex.Policy})
	if err != nil {
		return nil, fmt.Errorf("wiring: index profiles: %w", err)
	}
	return index, nil
}
