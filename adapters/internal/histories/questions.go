package histories

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// question draws a query. Lists are read page by page.
func (h *history) question() command {
	who := h.person()
	t := h.talk()
	by := h.participant(t.VoyagerID, t.LocalID)
	limit := int(h.number64("limit", 1, 4))
	asked := func(what string, do func(ctx context.Context, c *lane) (any, error)) command {
		return command{name: fmt.Sprintf("%s reads %s, %d on a page", who, what, limit), do: do}
	}
	switch draw(h, "question", "matches", "profile", "conversations", "unread", "messages", "reservations", "wallet", "transactions",
		"export", "blocks", "accounts", "reports", "audit", "interests", "places", "own reports") {
	case "matches":
		s := matching.Search{
			City: draw(h, "city", "", "köln"), Country: draw(h, "country", "", "De"), Interests: h.picked(),
			MinAge: draw(h, "least age", 0, 0, 18, 30), MaxAge: draw(h, "most age", 0, 0, 40),
		}
		return asked(fmt.Sprintf("matches %+v", s), func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[matching.Rank]) (page.Page[matching.Match, matching.Rank], error) {
				return c.Matching.Matches(ctx, who, s, r)
			})
		})
	case "profile":
		other := h.person()
		return asked("the profile of "+other.String(), func(ctx context.Context, c *lane) (any, error) {
			return c.Matching.ProfileOf(ctx, who, other)
		})
	case "conversations":
		return asked("conversations", func(ctx context.Context, c *lane) (any, error) { return overviews(ctx, c, who, limit) })
	case "unread":
		return asked("the number of unread messages", func(ctx context.Context, c *lane) (any, error) { return c.Messaging.Unread(ctx, who) })
	case "messages":
		who = by
		return asked("messages", func(ctx context.Context, c *lane) (any, error) { return messages(ctx, c, by, t.ID, limit) })
	case "reservations":
		a := reservations.Agenda{Role: draw(h, "role", "", reservations.AsVoyager, reservations.AsLocal)}
		if h.chance("from", 40) {
			a.From = h.clock.Now().Add(time.Duration(h.number64("from", -4, 4)) * 30 * time.Minute)
		}
		if h.chance("to", 40) {
			a.To = h.clock.Now().Add(time.Duration(h.number64("to", -4, 8)) * 30 * time.Minute)
		}
		a.Status = draw(h, "status", "", reservations.Pending, reservations.Accepted, reservations.Cancelled, reservations.Completed,
			reservations.Expired)
		return asked("reservations", func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[reservations.View, page.Moment], error) {
				return c.Reservations.Mine(ctx, who, a, r)
			})
		})
	case "wallet":
		return asked("the wallet", func(ctx context.Context, c *lane) (any, error) { return c.Reservations.Funds(ctx, who) })
	case "transactions":
		return asked("transactions", func(ctx context.Context, c *lane) (any, error) { return transactions(ctx, c, who, limit) })
	case "export":
		return asked("everything", func(ctx context.Context, c *lane) (any, error) { return export(ctx, c, who) })
	case "blocks":
		return asked("blocks", func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[matching.BlockedPerson, page.Moment], error) {
				return c.Matching.Blocks(ctx, who, r)
			})
		})
	case "places":
		return asked("places", func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[matching.PlaceKey]) (page.Page[matching.Place, matching.PlaceKey], error) {
				return c.Matching.Places(ctx, who, r)
			})
		})
	case "own reports":
		return asked("own reports", func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[moderation.Report, page.Moment], error) {
				return c.Moderation.MyReports(ctx, who, r)
			})
		})
	case "interests":
		filter := matching.InterestFilter{Query: draw(h, "part of a name", "", "e", "é", "%")}
		return asked(fmt.Sprintf("interests %+v", filter), func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[matching.NamePlace]) (page.Page[matching.Interest, matching.NamePlace], error) {
				return c.Matching.Interests(ctx, filter, r)
			})
		})
	default:
		return h.adminQuestion(limit)
	}
}

func (h *history) adminQuestion(limit int) command {
	admin := h.admin()
	switch draw(h, "asked by an admin", "accounts", "reports", "report", "reservations", "audit") {
	case "accounts":
		f := moderation.AccountFilter{Query: draw(h, "q", "", "ADA", "strasse", "%", "example"), Role: draw(h, "role", "", users.RoleAdmin)}
		if h.chance("by activity", 30) {
			active := h.chance("active", 50)
			f.IsActive = &active
		}
		return command{name: fmt.Sprintf("accounts with %q, role %q", f.Query, f.Role), do: func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[users.User, page.Moment], error) {
				return c.Moderation.Users(ctx, admin, f, r)
			})
		}}
	case "reservations":
		f := reservations.Filter{Status: draw(h, "status", "", reservations.Accepted, reservations.Expired)}
		if h.chance("of a user", 50) {
			f.UserID = h.person()
		}
		return command{name: fmt.Sprintf("reservations %+v", f), do: func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[reservations.Reservation, page.Moment], error) {
				return c.Reservations.All(ctx, admin, f, r)
			})
		}}
	case "report":
		report := h.report()
		return command{name: fmt.Sprintf("report %s", report), do: func(ctx context.Context, c *lane) (any, error) {
			return c.Moderation.ReportByID(ctx, admin, report)
		}}
	case "reports":
		status := draw(h, "status", "", moderation.Pending, moderation.Resolved)
		return command{name: fmt.Sprintf("reports %q", status), do: func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[moderation.Report, page.Moment], error) {
				return c.Moderation.Reports(ctx, admin, status, r)
			})
		}}
	default:
		return command{name: "the audit trail", do: func(ctx context.Context, c *lane) (any, error) {
			return walk(limit, func(r page.Request[page.Moment]) (page.Page[moderation.AuditRecord, page.Moment], error) {
				return c.Moderation.Audits(ctx, admin, r)
			})
		}}
	}
}

func overviews(ctx context.Context, c *lane, who id.User, limit int) (any, error) {
	return walk(limit, func(r page.Request[page.Moment]) (page.Page[messaging.Overview, page.Moment], error) {
		return c.Messaging.Conversations(ctx, who, r)
	})
}

func messages(ctx context.Context, c *lane, who id.User, in id.Conversation, limit int) (any, error) {
	return walk(limit, func(r page.Request[page.Moment]) (page.Page[messaging.Message, page.Moment], error) {
		return c.Messaging.Messages(ctx, who, in, r)
	})
}

func transactions(ctx context.Context, c *lane, who id.User, limit int) (any, error) {
	return walk(limit, func(r page.Request[int64]) (page.Page[tokens.Transaction, int64], error) {
		return c.Tokens.Transactions(ctx, who, r)
	})
}

// walk returns all pages of a list.
func walk[T, P any](limit int, fetch func(page.Request[P]) (page.Page[T, P], error)) (any, error) {
	var pages []page.Page[T, P]
	r := page.Request[P]{Limit: limit}
	for {
		p, err := fetch(r)
		if err != nil {
			return nil, err
		}
		pages = append(pages, p)
		if p.Next == nil {
			return pages, nil
		}
		r.After = p.Next
	}
}
