package moderation_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestReport(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	complaint := moderation.ReportInput{ReportedUserID: luca, Reason: strings.Repeat("é", 100), Message: "He\nshouted."}
	got, err := w.Moderation.Report(w.Ctx, ada, complaint, "")
	coretest.Is(t, err, nil)
	want := moderation.Report{
		ID: got.ID, ReporterID: ada, ReportedUserID: luca, Reason: complaint.Reason, Message: complaint.Message,
		Status: moderation.Pending, CreatedAt: w.Clock.Now(),
	}
	if got != want || got.ID.IsZero() {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if stored, err := w.Moderation.ReportByID(w.Ctx, w.Admin(), got.ID); err != nil || stored.Report != want {
		t.Errorf("stored %+v with error %v, want %+v", stored, err, want)
	}
}

func TestReportErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, idle := w.Person("Ada"), w.Person("Luca"), w.Person("Idle")
	w.SetActive(idle, false)
	file := func(by id.User, c moderation.ReportInput) error {
		_, err := w.Moderation.Report(w.Ctx, by, c, "k")
		return err
	}
	w.Unchanged(func() {
		for name, test := range map[string]struct {
			complaint moderation.ReportInput
			fields    []string
		}{
			"no reason":           {moderation.ReportInput{ReportedUserID: luca}, []string{"reason"}},
			"a blank reason":      {moderation.ReportInput{ReportedUserID: luca, Reason: "  "}, []string{"reason"}},
			"a reason too long":   {moderation.ReportInput{ReportedUserID: luca, Reason: strings.Repeat("é", 101)}, []string{"reason"}},
			"an invisible reason": {moderation.ReportInput{ReportedUserID: luca, Reason: "\u2800\u200b"}, []string{"reason"}},
			"a message too long":  {moderation.ReportInput{ReportedUserID: luca, Reason: "rude", Message: strings.Repeat("é", 5001)}, []string{"message"}},
			"a message with NUL":  {moderation.ReportInput{ReportedUserID: luca, Reason: "rude", Message: "\x00"}, []string{"message"}},
			"the caller":          {moderation.ReportInput{ReportedUserID: ada, Reason: "rude"}, []string{"reported_user_id"}},
			"every field":         {moderation.ReportInput{ReportedUserID: ada, Message: "\xff"}, []string{"reason", "message", "reported_user_id"}},
		} {
			t.Run(name, func(t *testing.T) { coretest.Fields(t, file(ada, test.complaint), test.fields...) })
		}
		coretest.Is(t, file(ada, moderation.ReportInput{ReportedUserID: id.User(w.IDs.Next()), Reason: "rude"}), users.ErrNotFound)
		coretest.Is(t, file(idle, moderation.ReportInput{ReportedUserID: luca, Reason: "rude"}), users.ErrNotSignedIn)
	})
	// An inactive user can be reported. The message has the maximum length.
	coretest.Is(t, file(ada, moderation.ReportInput{ReportedUserID: idle, Reason: "rude", Message: strings.Repeat("é", 5000)}), nil)
}

func TestOnePendingReport(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, eve := w.Person("Ada"), w.Person("Luca"), w.Person("Eve")
	r := report(t, w, ada, luca)
	again := func() error {
		_, err := w.Moderation.Report(w.Ctx, ada, moderation.ReportInput{ReportedUserID: luca, Reason: "again"}, "")
		return err
	}
	w.Unchanged(func() { coretest.Is(t, again(), moderation.ErrReportPending) })
	if fault.KindOf(moderation.ErrReportPending) != fault.Conflict {
		t.Error("ErrReportPending is not of kind Conflict")
	}
	report(t, w, ada, eve)  // another reported user
	report(t, w, eve, luca) // another reporter
	report(t, w, luca, ada) // both swapped

	_, err := w.Moderation.ChangeReport(w.Ctx, w.Admin(), r.ID, moderation.ReportChange{Status: to(moderation.Reviewed)})
	coretest.Is(t, err, nil)
	coretest.Is(t, again(), nil) // the first report is no longer pending
}

func TestConcurrentReports(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	errs := coretest.AtOnce(10, func(int) error {
		_, err := w.Moderation.Report(w.Ctx, ada, moderation.ReportInput{ReportedUserID: luca, Reason: "rude"}, "")
		return err
	})
	if filed, pending := coretest.Count(errs, nil), coretest.Count(errs, moderation.ErrReportPending); filed != 1 || pending != 9 {
		t.Errorf("%d succeeded and %d failed, want 1 and 9", filed, pending)
	}
}

func TestReportRepeat(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	complaint := moderation.ReportInput{ReportedUserID: luca, Reason: "rude"}
	filed, err := w.Moderation.Report(w.Ctx, ada, complaint, "k")
	coretest.Is(t, err, nil)
	_, err = w.Moderation.ChangeReport(w.Ctx, w.Admin(), filed.ID, moderation.ReportChange{Status: to(moderation.Dismissed)})
	coretest.Is(t, err, nil)
	w.Unchanged(func() {
		again, err := w.Moderation.Report(w.Ctx, ada, complaint, "k")
		if err != nil || again != filed {
			t.Errorf("the repeat returned %+v with error %v, want %+v", again, err, filed)
		}
		complaint.Message = "really"
		_, err = w.Moderation.Report(w.Ctx, ada, complaint, "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
	})
	w.SetActive(ada, false)
	_, err = w.Moderation.Report(w.Ctx, ada, complaint, "k")
	coretest.Is(t, err, users.ErrNotSignedIn)
}

// moves is the table in core/README.md#moderation.
var moves = map[moderation.Status]map[moderation.Status]bool{
	moderation.Pending:   {moderation.Reviewed: true, moderation.Resolved: true, moderation.Dismissed: true},
	moderation.Reviewed:  {moderation.Resolved: true, moderation.Dismissed: true},
	moderation.Resolved:  {},
	moderation.Dismissed: {},
}

func TestChangeReportStatus(t *testing.T) {
	for from, allowed := range moves {
		for next := range moves {
			t.Run(string(from)+" to "+string(next), func(t *testing.T) {
				w := coretest.NewWorld(t, memory.New())
				ada, luca := w.Person("Ada"), w.Person("Luca")
				first, second := w.Admin(), w.AdminNamed("Second")
				r := report(t, w, ada, luca)
				w.Clock.Advance(time.Minute)
				if from != moderation.Pending {
					_, err := w.Moderation.ChangeReport(w.Ctx, first, r.ID, moderation.ReportChange{Status: &from, Notes: to("seen")})
					coretest.Is(t, err, nil)
				}
				before, err := w.Moderation.ReportByID(w.Ctx, first, r.ID)
				coretest.Is(t, err, nil)
				w.Clock.Advance(time.Minute)
				change := moderation.ReportChange{Status: &next, Notes: to("looked\ninto")}

				if !allowed[next] {
					w.Unchanged(func() {
						_, err := w.Moderation.ChangeReport(w.Ctx, second, r.ID, change)
						coretest.Is(t, err, moderation.ErrReportMove)
						coretest.Is(t, err, fault.Conflict)
						if !strings.Contains(err.Error(), string(from)) {
							t.Errorf("the error %q does not contain the present status", err)
						}
					})
					return
				}
				got, err := w.Moderation.ChangeReport(w.Ctx, second, r.ID, change)
				coretest.Is(t, err, nil)
				want := before.Report
				want.Status, want.AdminNotes, want.ReviewedBy, want.ReviewedAt = next, "looked\ninto", second, w.Clock.Now()
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if stored, err := w.Moderation.ReportByID(w.Ctx, first, r.ID); err != nil || stored.Report != want {
					t.Errorf("stored %+v with error %v, want %+v", stored, err, want)
				}
				record := audits(t, w)[0]
				if record.ActorID != second || record.Action != moderation.ActionReportChanged || record.SubjectID != id.Subject(r.ID) ||
					!maps.Equal(record.Details, moderation.Details{"status": string(next), "status_before": string(from), "admin_notes": "looked\ninto"}) {
					t.Errorf("the audit record is %+v", record)
				}
			})
		}
	}
}

// A change of only the notes does not change the reviewer.
func TestNotes(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	r := report(t, w, w.Person("Ada"), w.Person("Luca"))
	first, second := w.Admin(), w.AdminNamed("Second")
	change := func(admin id.User, c moderation.ReportChange) moderation.Report {
		t.Helper()
		w.Clock.Advance(time.Minute)
		got, err := w.Moderation.ChangeReport(w.Ctx, admin, r.ID, c)
		coretest.Is(t, err, nil)
		return got
	}
	got := change(first, moderation.ReportChange{Notes: to("look")})
	if got.Status != moderation.Pending || got.AdminNotes != "look" || !got.ReviewedBy.IsZero() || !got.ReviewedAt.IsZero() {
		t.Errorf("after a change of the notes: got %+v", got)
	}
	moved := change(first, moderation.ReportChange{Status: to(moderation.Resolved)})
	if moved.AdminNotes != "look" {
		t.Errorf("after a change of the status: got the notes %q", moved.AdminNotes)
	}
	got = change(second, moderation.ReportChange{Notes: to("")})
	moved.AdminNotes = ""
	if got != moved {
		t.Errorf("after a change of the notes by another admin: got %+v, want %+v", got, moved)
	}
	if record := audits(t, w)[0]; record.ActorID != second || !maps.Equal(record.Details, moderation.Details{"admin_notes": ""}) {
		t.Errorf("the audit record is %+v", record)
	}
	w.Unchanged(func() {
		if got := change(second, moderation.ReportChange{}); got != moved {
			t.Errorf("after an empty change: got %+v, want %+v", got, moved)
		}
	})
}

func TestChangeReportErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	r, unknown := report(t, w, w.Person("Ada"), w.Person("Luca")), id.Report(w.IDs.Next())
	admin := w.Admin()
	change := func(report id.Report, c moderation.ReportChange) error {
		_, err := w.Moderation.ChangeReport(w.Ctx, admin, report, c)
		return err
	}
	w.Unchanged(func() {
		bad := moderation.ReportChange{Status: to(moderation.Status("lost")), Notes: to(strings.Repeat("é", 5001))}
		coretest.Fields(t, change(r.ID, bad), "status", "admin_notes")
		coretest.Fields(t, change(unknown, bad), "status", "admin_notes") // checked before the lookup
		coretest.Is(t, change(unknown, moderation.ReportChange{Notes: to("x")}), moderation.ErrReportNotFound)
		_, err := w.Moderation.ReportByID(w.Ctx, admin, unknown)
		coretest.Is(t, err, moderation.ErrReportNotFound)
	})
}

func TestConcurrentChangeReport(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	r := report(t, w, w.Person("Ada"), w.Person("Luca"))
	admin := w.Admin()
	errs := coretest.AtOnce(10, func(i int) error {
		status := []moderation.Status{moderation.Resolved, moderation.Dismissed}[i%2]
		_, err := w.Moderation.ChangeReport(w.Ctx, admin, r.ID, moderation.ReportChange{Status: &status})
		return err
	})
	if moved, refused := coretest.Count(errs, nil), coretest.Count(errs, moderation.ErrReportMove); moved != 1 || refused != 9 {
		t.Errorf("%d succeeded and %d failed, want 1 and 9", moved, refused)
	}
}

func TestReports(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, admin := w.Person("Ada"), w.Admin()
	var filed []id.Report
	for _, name := range []string{"Ben", "Cleo", "Dora", "Emil", "Fay"} {
		w.Clock.Advance(time.Minute)
		filed = append(filed, report(t, w, ada, w.Person(name)).ID)
	}
	_, err := w.Moderation.ChangeReport(w.Ctx, admin, filed[1], moderation.ReportChange{Status: to(moderation.Dismissed)})
	coretest.Is(t, err, nil)

	read := func(status moderation.Status, limit int) (pages [][]id.Report) {
		t.Helper()
		r := page.Request[page.Moment]{Limit: limit}
		for {
			p, err := w.Moderation.Reports(w.Ctx, admin, status, r)
			coretest.Is(t, err, nil)
			pages = append(pages, ids(p.Items, func(r moderation.Report) id.Report { return r.ID }))
			if r.After = p.Next; r.After == nil {
				return pages
			}
		}
	}
	all := read("", 2)
	if len(all) != 3 {
		t.Fatalf("got the pages %v, want three", all)
	}
	same(t, "page 1", all[0], filed[0], filed[1])
	same(t, "page 2", all[1], filed[2], filed[3])
	same(t, "page 3", all[2], filed[4])
	same(t, "pending", read(moderation.Pending, 0)[0], filed[0], filed[2], filed[3], filed[4])
	same(t, "dismissed", read(moderation.Dismissed, 0)[0], filed[1])
	same(t, "resolved", read(moderation.Resolved, 0)[0])

	_, err = w.Moderation.Reports(w.Ctx, admin, "lost", first)
	coretest.Fields(t, err, "status")
	_, err = w.Moderation.Reports(w.Ctx, admin, "", page.Request[page.Moment]{Limit: 101})
	coretest.Fields(t, err, "limit")
}

func TestMyReports(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, mira := w.Person("Ada"), w.Person("Luca"), w.Person("Mira")
	older := report(t, w, ada, luca)
	w.Clock.Advance(time.Minute)
	newer := report(t, w, ada, mira)
	report(t, w, luca, ada)
	_, err := w.Moderation.ChangeReport(w.Ctx, w.Admin(), older.ID, moderation.ReportChange{Status: to(moderation.Reviewed), Notes: to("hm")})
	coretest.Is(t, err, nil)
	older.Status, older.ReviewedAt = moderation.Reviewed, w.Clock.Now() // without the reviewer and the notes

	mine, err := w.Moderation.MyReports(w.Ctx, ada, page.Request[page.Moment]{Limit: 1})
	coretest.Is(t, err, nil)
	rest, err := w.Moderation.MyReports(w.Ctx, ada, page.Request[page.Moment]{After: mine.Next})
	coretest.Is(t, err, nil)
	if got := slices.Concat(mine.Items, rest.Items); !slices.Equal(got, []moderation.Report{newer, older}) || rest.Next != nil {
		t.Errorf("got %+v", got)
	}
	w.SetActive(ada, false)
	_, err = w.Moderation.MyReports(w.Ctx, ada, page.Request[page.Moment]{})
	coretest.Is(t, err, users.ErrNotSignedIn)
}
