package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// reservationsTests tests reservations, and that no local has two accepted ones at the same time.
var reservationsTests = []test{
	{"a reservation comes back as it was added", reservationKept},
	{"a reservation moves only from its present status", reservationMoved},
	{"accepted reservations of a local never overlap", overlapRefused},
	{"only accepted reservations of the same local exclude one another", overlapOfWhom},
	{"of concurrent moves of a reservation, one succeeds", moveRace},
	{"concurrent accepts accept none that overlap", acceptRace},
	{"a view begins with the check of a session", viewsChecked},
	{"the n-th newest reservation that a user proposed is found", nthProposed},
	{"pending reservations of a conversation are counted up to a limit", pendingCounted},
	{"pending reservations of a conversation are counted, and one's own", ownPending},
	{"tokens are held for a voyager's accepted reservations", tokensHeld},
	{"pages of a conversation's reservations hold each once", conversationReservations},
	{"pages of a person's reservations hold each once", personReservations},
	{"pages of all reservations hold each once", allReservations},
	{"pages of a person's agenda hold each once, by date", personAgenda},
	{"due reservations are listed by their end", reservationsDue},
	{"pending reservations that lapsed are listed by their date", reservationsLapsed},
}

func (f *fixture) reservationOf(r reservations.Reservation) reservations.Reservation {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (reservations.Reservation, error) {
		return tx.Reservations().Reservation(ctx, r.ID)
	})
}

func reservationKept(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	want := f.newReservation(talk, 3)
	want.CreatorID, want.Title, want.Price, want.Tokens = talk.LocalID, "a 🚲 ride", price("12.30"), 13
	want.Date, want.EndDate = noon.Add(time.Millisecond), noon.Add(3*time.Hour+999*time.Millisecond)
	want.UpdatedAt = noon.Add(time.Second)
	f.addReservation(want)
	f.same("the reservation", f.reservationOf(want), want)
	held := write(f, func(ctx context.Context, tx ports.Tx) (reservations.Reservation, error) {
		return tx.Reservations().Hold(ctx, want.ID)
	})
	f.same("the held reservation", held, want)
}

func reservationMoved(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	all := []reservations.Status{
		reservations.Pending, reservations.Accepted, reservations.Declined, reservations.Cancelled,
		reservations.Completed, reservations.Expired,
	}
	for hour, steps := range [][]reservations.Status{
		{reservations.Pending, reservations.Accepted, reservations.Completed},
		{reservations.Pending, reservations.Accepted, reservations.Cancelled},
		{reservations.Pending, reservations.Declined}, {reservations.Pending, reservations.Cancelled},
		{reservations.Pending, reservations.Expired},
	} {
		r := f.reservation(talk, hour)
		for i, from := range steps {
			for _, other := range all {
				if other == from {
					continue
				}
				f.same(fmt.Sprintf("a move of a reservation that is %s from %s", from, other),
					f.move(r, other, reservations.Declined), reservations.Stale)
			}
			f.same("the reservation that was not moved", f.reservationOf(r), r)
			if i+1 < len(steps) {
				f.same("a move", f.move(r, from, steps[i+1]), reservations.Done)
				r.Status, r.UpdatedAt = steps[i+1], noon.Add(time.Minute)
				f.same("the reservation that was moved", f.reservationOf(r), r)
			}
		}
	}
}

// span is the time from one minute to another.
type span struct{ from, to int }

func (f *fixture) reservationAt(c messaging.Conversation, s span) reservations.Reservation {
	f.Helper()
	r := f.newReservation(c, 0)
	r.Date, r.EndDate = noon.Add(time.Duration(s.from)*time.Minute), noon.Add(time.Duration(s.to)*time.Minute)
	return f.addReservation(r)
}

func overlapRefused(f *fixture) {
	ada := f.user("ada")
	for i, c := range []struct {
		name string
		span
		want reservations.MoveResult
	}{
		{"well before", span{0, 50}, reservations.Done}, {"right before", span{0, 100}, reservations.Done},
		{"across its start", span{50, 150}, reservations.Overlaps},
		{"from its start", span{100, 150}, reservations.Overlaps},
		{"inside it", span{120, 150}, reservations.Overlaps}, {"to its end", span{150, 200}, reservations.Overlaps},
		{"the same", span{100, 200}, reservations.Overlaps}, {"around it", span{50, 250}, reservations.Overlaps},
		{"across its end", span{150, 250}, reservations.Overlaps},
		{"its last minute", span{199, 201}, reservations.Overlaps},
		{"right after", span{200, 250}, reservations.Done}, {"well after", span{250, 300}, reservations.Done},
	} {
		talk := f.conversation(ada, f.user(fmt.Sprint("local", i)))
		f.same("the first", f.move(f.reservationAt(talk, span{100, 200}), reservations.Pending,
			reservations.Accepted), reservations.Done)
		r := f.reservationAt(talk, c.span)
		f.same("accepting one that lies "+c.name, f.move(r, reservations.Pending, reservations.Accepted), c.want)
		if c.want == reservations.Overlaps {
			f.same("the one that was not accepted", f.reservationOf(r), r)
		}
	}
}

func overlapOfWhom(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	toBen, toCleo, fromBen, cleoToBen := f.conversation(ada, ben), f.conversation(ada, cleo),
		f.conversation(ben, ada), f.conversation(cleo, ben)
	when := span{100, 200}
	first := f.reservationAt(toBen, when)
	f.same("accept the first", f.move(first, reservations.Pending, reservations.Accepted), reservations.Done)
	for _, talk := range []messaging.Conversation{toCleo, fromBen} { // the same voyager, and the local as voyager
		f.same("accept with another local", f.move(f.reservationAt(talk, when), reservations.Pending,
			reservations.Accepted), reservations.Done)
	}
	second := f.reservationAt(cleoToBen, when)
	f.same("accept with the same local", f.move(second, reservations.Pending, reservations.Accepted),
		reservations.Overlaps)
	f.same("decline it", f.move(second, reservations.Pending, reservations.Declined), reservations.Done)
	for _, freed := range []reservations.Status{reservations.Cancelled, reservations.Completed} {
		f.same("end the first", f.move(first, reservations.Accepted, freed), reservations.Done)
		first = f.reservationAt(cleoToBen, when)
		f.same("accept for a time that is free again", f.move(first, reservations.Pending, reservations.Accepted),
			reservations.Done)
	}
}

func moveRace(f *fixture) {
	talk := f.conversation(f.user("ada"), f.user("ben"))
	to := []reservations.Status{reservations.Accepted, reservations.Declined, reservations.Cancelled}
	for hour := range rounds(5, 200) {
		r := f.reservation(talk, hour)
		moved := make([]reservations.MoveResult, 12)
		f.allConcurrently(len(moved), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				moved[i], err = tx.Reservations().Move(ctx, r, to[i%len(to)], noon)
				return err
			})
		})
		done := slices.Index(moved, reservations.Done)
		f.same("the number of units that moved it",
			len(filter(moved, func(m reservations.MoveResult) bool { return m == reservations.Done })), 1)
		f.same("the number of units that were too late",
			len(filter(moved, func(m reservations.MoveResult) bool { return m == reservations.Stale })), len(moved)-1)
		f.same("its status", f.reservationOf(r).Status, to[done%len(to)])
	}
}

// acceptRace accepts many reservations of one local concurrently, and checks which were accepted.
func acceptRace(f *fixture) {
	for round := range rounds(3, 100) {
		local := f.user(fmt.Sprint("local", round))
		var all []reservations.Reservation
		for i := range 6 {
			talk := f.conversation(f.user(fmt.Sprint("voyager", round, "-", i)), local)
			for k := range 4 { // each overlaps its neighbours
				all = append(all, f.reservationAt(talk, span{10 * (4*k + i), 10*(4*k+i) + 25}))
			}
		}
		f.allConcurrently(len(all), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Reservations().Move(ctx, all[i], reservations.Accepted, noon)
				return err
			})
		})
		f.checkCalendar(local.ID, all)
	}
}

// checkCalendar fails the test if accepted reservations of a local overlap, or if one is still
// pending that overlaps no accepted one.
func (f *fixture) checkCalendar(local id.User, all []reservations.Reservation) {
	f.Helper()
	accepted := read(f, func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
		return tx.Reservations().Of(ctx, local, reservations.Accepted, nil, 1000)
	})
	overlaps := func(a, b reservations.Reservation) bool { return a.Date.Before(b.EndDate) && b.Date.Before(a.EndDate) }
	for i, a := range accepted {
		for _, b := range accepted[:i] {
			if overlaps(a, b) {
				f.Errorf("accepted reservations overlap: %v to %v, and %v to %v", a.Date, a.EndDate, b.Date, b.EndDate)
			}
		}
	}
	for _, r := range all {
		if !slices.ContainsFunc(accepted, func(a reservations.Reservation) bool { return overlaps(a, r) }) {
			f.Errorf("a reservation was not accepted although it overlaps no accepted one: %v to %v", r.Date, r.EndDate)
		}
	}
}

func tokensHeld(f *fixture) {
	ada, ben := f.rich("ada", 100), f.rich("ben", 100)
	talk, back := f.conversation(ada, ben), f.conversation(ben, ada)
	held := func(u id.User) int64 {
		f.Helper()
		sum := read(f, func(ctx context.Context, tx ports.Tx) (int64, error) { return tx.Reservations().Held(ctx, u) })
		if funds, can := f.fundsOf(u); can {
			f.same("the sum that is held, of the funds", funds.Held, sum)
		}
		return sum
	}
	f.same("held without reservations", held(ada.ID), 0)
	first, second, other := f.reservation(talk, 0), f.reservation(talk, 5), f.reservation(back, 10)
	f.same("held for pending reservations", held(ada.ID), 0)
	for _, r := range []reservations.Reservation{first, second, other} {
		f.same("accept", f.move(r, reservations.Pending, reservations.Accepted), reservations.Done)
	}
	f.same("held for two accepted reservations", held(ada.ID), 24)
	f.same("held for one in the other conversation", held(ben.ID), 12)
	f.move(first, reservations.Accepted, reservations.Cancelled)
	f.same("held after one was cancelled", held(ada.ID), 12)
	f.move(second, reservations.Accepted, reservations.Completed)
	f.same("held after the other was completed", held(ada.ID), 0)
	nobody := f.newUser("eve").ID
	err := f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error { return readsFunds(ctx, tx, nobody) })
	if !errors.Is(err, fault.NotFound) {
		f.Errorf("the funds of a user without a wallet: got %v", err)
	}
}

// fundsOf reads the funds of a user in one step, if the store can.
func (f *fixture) fundsOf(user id.User) (funds reservations.Funds, can bool) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) (err error) {
		var reader reservations.FundsReader
		if reader, can = tx.Reservations().(reservations.FundsReader); can {
			funds, err = reader.Funds(ctx, user)
		}
		return err
	})
	return funds, can
}
