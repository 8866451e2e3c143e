package porttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

func created(r reservations.Reservation) time.Time            { return r.CreatedAt }
func reservationID(r reservations.Reservation) id.Reservation { return r.ID }

func conversationReservations(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, other := f.conversation(ada, ben), f.conversation(ben, ada)
	var all []reservations.Reservation
	for i := range paged {
		r := f.newReservation(talk, i)
		r.CreatedAt = tie(i)
		all = append(all, f.addReservation(r))
	}
	f.reservation(other, 0)
	pages(f, "reservations of a conversation", newestFirst(all, created, reservationID), reservations.Place,
		func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]reservations.Reservation, error) {
			return tx.Reservations().InConversation(ctx, talk.ID, after, limit)
		})
}

func personReservations(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talks := []messaging.Conversation{f.conversation(ada, ben), f.conversation(ben, ada), f.conversation(ada, cleo)}
	var all []reservations.Reservation
	for i := range paged {
		r := f.newReservation(talks[i%3], i)
		r.CreatedAt = tie(i / 2)
		if i%4 == 0 {
			r.Status = reservations.Declined
		}
		all = append(all, f.addReservation(r))
	}
	f.reservation(f.conversation(cleo, ben), 0)
	all = newestFirst(all, created, reservationID)
	for _, status := range []reservations.Status{
		"", reservations.Pending, reservations.Declined, reservations.Accepted,
	} {
		want := filter(all, func(r reservations.Reservation) bool { return status == "" || r.Status == status })
		pages(f, fmt.Sprintf("reservations of a person that are %q", status), want, reservations.Place,
			func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]reservations.Reservation, error) {
				return tx.Reservations().Of(ctx, ada.ID, status, after, limit)
			})
	}
}

func allReservations(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talks := []messaging.Conversation{f.conversation(ada, ben), f.conversation(ben, cleo)}
	var all []reservations.Reservation
	for i := range paged {
		r := f.newReservation(talks[i%2], i)
		r.CreatedAt = tie(i)
		if i%3 == 0 {
			r.Status = reservations.Expired
		}
		all = append(all, f.addReservation(r))
	}
	all = newestFirst(all, created, reservationID)
	for _, status := range []reservations.Status{"", reservations.Pending, reservations.Expired, reservations.Accepted} {
		want := filter(all, func(r reservations.Reservation) bool { return status == "" || r.Status == status })
		pages(f, fmt.Sprintf("reservations that are %q", status), want, reservations.Place,
			func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]reservations.Reservation, error) {
				return tx.Reservations().All(ctx, status, after, limit)
			})
	}
}

// personAgenda reads agendas of reservations of two hours each. Two begin at every half hour.
func personAgenda(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	asVoyager, asLocal := f.conversation(ada, ben), f.conversation(cleo, ada)
	var all []reservations.Reservation
	for i := range paged {
		talk := asVoyager
		if i%3 == 0 {
			talk = asLocal
		}
		r := f.newReservation(talk, 0)
		r.Date = noon.Add(time.Duration(i/2) * 30 * time.Minute)
		r.EndDate = r.Date.Add(2 * time.Hour)
		if i%5 == 0 {
			r.Status = reservations.Cancelled
		}
		all = append(all, f.addReservation(r))
	}
	f.reservation(f.conversation(cleo, ben), 0)
	slices.SortFunc(all, func(a, b reservations.Reservation) int {
		return cmp.Or(a.Date.Compare(b.Date), a.ID.Compare(b.ID))
	})
	from, to := all[paged/2].EndDate, all[paged/2].Date.Add(3*time.Hour)
	for _, a := range []reservations.Agenda{
		{},
		{Role: reservations.AsVoyager},
		{Role: reservations.AsLocal},
		{Status: reservations.Cancelled},
		{From: from},
		{To: to},
		{From: from, To: to},
		{From: from.Add(-time.Millisecond), To: to.Add(time.Millisecond)},
		{Role: reservations.AsVoyager, Status: reservations.Pending, From: from, To: to},
		{Role: reservations.AsLocal, Status: reservations.Completed},
	} {
		want := filter(all, func(r reservations.Reservation) bool {
			return (a.Role == "" || (a.Role == reservations.AsVoyager) == (r.VoyagerID == ada.ID)) &&
				(a.Status == "" || r.Status == a.Status) &&
				(a.From.IsZero() || r.EndDate.After(a.From)) && (a.To.IsZero() || r.Date.Before(a.To))
		})
		pages(f, fmt.Sprintf("the agenda %+v", a), want, reservations.PlaceByDate,
			func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]reservations.Reservation, error) {
				return tx.Reservations().Agenda(ctx, ada.ID, a, after, limit)
			})
	}
}

func reservationsDue(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	var accepted []reservations.Reservation
	for hour := range 12 {
		r := f.newReservation(talk, 2*hour)
		if hour%3 == 0 { // with another local, so that some end at the same time
			r = f.newReservation(f.conversation(f.user(fmt.Sprint("voyager", hour)),
				f.user(fmt.Sprint("local", hour))), 2*hour+2)
		}
		f.addReservation(r)
		f.same("accept", f.move(r, reservations.Pending, reservations.Accepted), reservations.Done)
		accepted = append(accepted, r)
		f.reservation(talk, 2*hour) // this one stays pending
	}
	cancelled := f.reservation(talk, -5)
	f.move(cancelled, reservations.Pending, reservations.Accepted)
	f.move(cancelled, reservations.Accepted, reservations.Cancelled)
	f.listsPassed("due", accepted, func(r reservations.Reservation) time.Time { return r.EndDate },
		func(ctx context.Context, tx ports.Tx, now time.Time, limit int) ([]id.Reservation, error) {
			return tx.Reservations().Due(ctx, now, limit)
		})
}

func reservationsLapsed(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	var pending []reservations.Reservation
	for hour := range 12 {
		r := f.newReservation(talk, hour/2) // two begin at the same time
		r.EndDate = r.EndDate.Add(time.Duration(12-hour) * time.Hour)
		pending = append(pending, f.addReservation(r))
	}
	for hour, to := range []reservations.Status{
		reservations.Accepted, reservations.Declined, reservations.Cancelled, reservations.Expired,
	} {
		f.same("a move", f.move(f.reservation(talk, hour), reservations.Pending, to), reservations.Done)
	}
	f.listsPassed("lapsed", pending, func(r reservations.Reservation) time.Time { return r.Date },
		func(ctx context.Context, tx ports.Tx, now time.Time, limit int) ([]id.Reservation, error) {
			return tx.Reservations().Lapsed(ctx, now, limit)
		})
}

// listsPassed checks a list of reservations whose time, which by returns, has passed. The list is
// in the order of that time.
func (f *fixture) listsPassed(
	what string, all []reservations.Reservation, by func(reservations.Reservation) time.Time,
	list func(ctx context.Context, tx ports.Tx, now time.Time, limit int) ([]id.Reservation, error),
) {
	f.Helper()
	slices.SortFunc(all, func(a, b reservations.Reservation) int {
		return cmp.Or(by(a).Compare(by(b)), a.ID.Compare(b.ID))
	})
	middle := by(all[4])
	for _, now := range []time.Time{
		noon.Add(-time.Hour), middle.Add(-time.Millisecond), middle, noon.Add(1000 * time.Hour),
	} {
		for _, limit := range []int{1, 3, 100} {
			var want []id.Reservation
			for _, r := range all {
				if !by(r).After(now) && len(want) < limit {
					want = append(want, r.ID)
				}
			}
			got := read(f, func(ctx context.Context, tx ports.Tx) ([]id.Reservation, error) {
				return list(ctx, tx, now, limit)
			})
			sameList(f, fmt.Sprintf("at most %d that are %s at %v", limit, what, now), got, want)
		}
	}
}
