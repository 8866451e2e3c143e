package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// dataOf returns the data of the mail of a notice, as it is at now, or nil if there is nothing to
// tell any more. Another user who is inactive, or where one of the two has blocked the other, is not
// named, and causes no mail but that about a cancellation.
func dataOf(ctx context.Context, tx Tx, n Notice, now time.Time) (any, error) {
	switch n.Kind {
	case NewMessage:
		return messagesOf(ctx, tx, n)
	case ReportDecided:
		r, err := tx.Moderation().Report(ctx, id.Report(n.SubjectID))
		if err != nil {
			return nil, fmt.Errorf("read a report: %w", err)
		}
		return ReportDecidedMail{ReportID: r.ID, Reason: r.Reason, Resolved: r.Status == moderation.Resolved}, nil
	case Sanction:
		s, err := tx.Moderation().Sanction(ctx, id.Sanction(n.SubjectID))
		if err != nil {
			return nil, fmt.Errorf("read a sanction: %w", err)
		}
		if s.Outcome == moderation.Lifted {
			return nil, nil
		}
		return SanctionMail{SanctionID: s.ID, Kind: string(s.Kind), Reason: s.Reason, EndsAt: s.EndsAt}, nil
	default:
		return reservationOf(ctx, tx, n, now)
	}
}

// statuses are those that reservations have while a mail about them is due.
var statuses = map[Kind]reservations.Status{
	ReservationProposed: reservations.Pending, ReservationAccepted: reservations.Accepted, ReservationDeclined: reservations.Declined,
	ReservationCancelled: reservations.Cancelled, ReservationExpired: reservations.Expired, ReservationReminder: reservations.Accepted,
}

func reservationOf(ctx context.Context, tx Tx, n Notice, now time.Time) (any, error) {
	r, err := tx.Reservations().Reservation(ctx, id.Reservation(n.SubjectID))
	if err != nil {
		return nil, fmt.Errorf("read a reservation: %w", err)
	}
	if r.Status != statuses[n.Kind] || n.Kind == ReservationReminder && !now.Before(r.Date) {
		return nil, nil
	}
	other := r.LocalID
	if n.UserID == r.LocalID {
		other = r.VoyagerID
	}
	sight, err := tx.Matching().Sight(ctx, n.UserID, other)
	if err != nil {
		return nil, fmt.Errorf("look at a user: %w", err)
	}
	m := ReservationMail{ReservationID: r.ID, Title: r.Title, Date: r.Date, EndDate: r.EndDate, Local: n.UserID == r.LocalID}
	if !sight.Reachable() {
		if n.Kind == ReservationCancelled {
			return m, nil
		}
		return nil, nil
	}
	people, err := matching.PeopleSeen(ctx, tx, n.UserID, other)
	m.Other = people[other].FirstName
	return m, err
}

// mostConversations is how many of the latest conversations of a user are looked at.
const mostConversations = 100

// messagesOf tells of the conversations that have an unread message since the notice was added.
func messagesOf(ctx context.Context, tx Tx, n Notice) (any, error) {
	latest, err := tx.Messaging().Overviews(ctx, n.UserID, nil, mostConversations)
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	var m NewMessageMail
	named := map[id.User]bool{}
	for _, o := range latest {
		if !tells(o, n) {
			continue
		}
		m.Count += o.Unread
		if named[o.Other.UserID] {
			continue
		}
		named[o.Other.UserID] = true
		if len(m.Senders) < MaxSenders {
			m.Senders = append(m.Senders, o.Other.FirstName)
		} else {
			m.Others++
		}
	}
	if m.Count == 0 {
		return nil, nil
	}
	return m, nil
}

// tells reports whether a conversation has unread messages of a user whom the recipient can answer. The
// last of them must be newer than the notice.
func tells(o messaging.Overview, n Notice) bool {
	return o.Unread > 0 && !o.Closed && !o.Activity().Before(n.CreatedAt)
}
