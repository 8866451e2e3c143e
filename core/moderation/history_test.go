package moderation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
)

func TestHistory(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, admin := w.Person("Ada"), w.Person("Luca"), w.Admin()
	var received []id.Report
	for i, status := range []moderation.Status{
		moderation.Dismissed, moderation.Reviewed, moderation.Resolved, moderation.Resolved, moderation.Pending, moderation.Pending,
	} {
		w.Clock.Advance(time.Minute)
		r := report(t, w, w.Person(fmt.Sprint("Reporter", i)), luca)
		if status != moderation.Pending {
			_, err := w.Moderation.ChangeReport(w.Ctx, admin, r.ID, moderation.ReportChange{Status: &status})
			coretest.Is(t, err, nil)
		}
		received = append([]id.Report{r.ID}, received...)
	}
	w.Clock.Advance(time.Minute)
	filed := report(t, w, ada, luca)
	back := report(t, w, luca, ada)
	w.SetActive(luca, false)

	c, err := w.Moderation.ReportByID(w.Ctx, admin, filed.ID)
	coretest.Is(t, err, nil)
	if c.Report != filed || c.Messages != nil || c.Reporter.UserID != ada || c.Reported.UserID != luca {
		t.Errorf("got %+v", c)
	}
	counts := func(h moderation.ReportHistory) [4]int { return [4]int{h.Pending, h.Reviewed, h.Resolved, h.Dismissed} }
	for what, test := range map[string]struct {
		got    moderation.ReportHistory
		counts [4]int
		recent []id.Report
	}{
		"received by the reported": {c.Reported.Received, [4]int{3, 1, 2, 1}, append([]id.Report{filed.ID}, received[:4]...)},
		"filed by the reported":    {c.Reported.Filed, [4]int{1, 0, 0, 0}, []id.Report{back.ID}},
		"received by the reporter": {c.Reporter.Received, [4]int{1, 0, 0, 0}, []id.Report{back.ID}},
		"filed by the reporter":    {c.Reporter.Filed, [4]int{1, 0, 0, 0}, []id.Report{filed.ID}},
	} {
		if counts(test.got) != test.counts {
			t.Errorf("%s: got the numbers %v, want %v", what, counts(test.got), test.counts)
		}
		same(t, what, ids(test.got.Recent, func(r moderation.Report) id.Report { return r.ID }), test.recent...)
	}
	if acts := c.Reported.Acts; len(acts) != 1 || acts[0].Action != moderation.ActionUserChanged || acts[0].SubjectID != id.Subject(luca) {
		t.Errorf("got the acts %+v", acts)
	}
	if len(c.Reporter.Acts) != 0 {
		t.Errorf("got the acts %+v on the reporter", c.Reporter.Acts)
	}
}

// The numbers and lists of a history have a bound, however many reports there are.
func TestHistoryBound(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	var last moderation.Report
	for i := range moderation.MaxHistory + 1 {
		last = report(t, w, ada, w.Person(fmt.Sprint("User", i)))
	}
	c, err := w.Moderation.ReportByID(w.Ctx, admin, last.ID)
	coretest.Is(t, err, nil)
	if h := c.Reporter.Filed; h.Pending != moderation.MaxHistory || len(h.Recent) != moderation.MaxRecent {
		t.Errorf("got %d reports, and %d recent ones", h.Pending, len(h.Recent))
	}
}
