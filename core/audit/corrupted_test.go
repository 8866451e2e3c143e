package audit_test

import (
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var unknown = [16]byte{1}

// only returns a list of one rule.
func only(rule string) []string { return []string{rule} }

// to returns a change that sets values of the first row of a table.
func to(table *ports.Table, pairs ...any) func(*town, rows) {
	return func(_ *town, s rows) { s.first(table).set(pairs...) }
}

// erased returns a change that sets values of the erased user.
func erased(pairs ...any) func(*town, rows) {
	return func(w *town, s rows) { s.where(ports.Users, "id", [16]byte(w.gone.ID)).set(pairs...) }
}

// inherit returns a change that makes the erased user the owner of the first row of a table.
func inherit(table *ports.Table) func(*town, rows) {
	return func(w *town, s rows) { s.first(table).set("user_id", [16]byte(w.gone.ID)) }
}

var peopleCorrupted = []corruption{
	{"two accounts with one address", func(w *town, s rows) {
		s.where(ports.Users, "name", "ben").set("email", "ADA@Example.org")
	}, only("user_email")},
	{"an unknown role", to(ports.Users, "role", "king"), only("user_role")},
	{"erased and active", erased("is_active", true), only("user_erased")},
	{"erased with a name", erased("name", "gone"), only("user_erased")},
	{"erased with an address", erased("email", "gone@example.org"), only("user_erased")},
	{"erased with a password", erased("password", "hash of gone"), only("user_erased")},
	{"erased with a bio", erased("bio", "about gone"), only("user_erased")},
	{"erased with a location", erased("location", "Lyon"), only("user_erased")},
	{"erased with an active second factor", erased("second_factor", true), []string{"second_factor", "user_erased"}},
	{"erased with the secret of a second factor", func(w *town, s rows) {
		s.first(ports.SecondFactors).set("user_id", [16]byte(w.gone.ID))
	}, []string{"second_factor", "user_erased"}},
	{"a second factor without a user", to(ports.SecondFactors, "user_id", unknown), []string{"reference", "second_factor"}},
	{"erased with a session", inherit(ports.Sessions), only("user_erased")},
	{"erased with a password reset", inherit(ports.PasswordResets), only("user_erased")},
	{"erased with a profile", inherit(ports.Profiles), only("user_erased")},
	{"erased with a pending reservation", func(w *town, s rows) {
		s.where(ports.Reservations, "title", "pending").set("voyager_id", [16]byte(w.gone.ID))
	}, []string{"user_erased", "reservation_participants"}},
	{"a session without a user", to(ports.Sessions, "user_id", unknown), only("reference")},
	{"a refresh token without a session", to(ports.RefreshTokens, "session_id", unknown), only("reference")},
	{"a password reset without a user", to(ports.PasswordResets, "user_id", unknown), only("reference")},
	{"grants without their key", func(_ *town, s rows) {
		s.where(ports.StoreKeys, "name", users.GrantKey).set("name", "other")
	}, only("grant_key")},
	{"tries without their key", func(_ *town, s rows) {
		s.where(ports.StoreKeys, "name", users.TryKey).set("name", "other")
	}, only("try_key")},
	{"a profile without a user", to(ports.Profiles, "user_id", unknown), only("reference")},
	{"two profiles of one user", func(w *town, s rows) {
		s.where(ports.Profiles, "user_id", [16]byte(w.ben.ID)).set("user_id", [16]byte(w.ada.ID))
	}, only("profile_user")},
	{"an age of 12", to(ports.Profiles, "age", int64(12)), only("profile_age")},
	{"an age of 121", to(ports.Profiles, "age", int64(121)), only("profile_age")},
	{"a value that was made wrong", func(w *town, s rows) { s[wrong] = []ports.Row{{[16]byte(w.ada.ID)}} }, only("derived")},
	{"two interests with one name", func(w *town, s rows) {
		s.where(ports.Interests, "name", "chess").set("name", "HIKING")
	}, only("interest_name")},
	{"a link without a profile", to(ports.ProfileInterests, "profile_id", unknown), only("reference")},
	{"a link without an interest", to(ports.ProfileInterests, "interest_id", unknown), only("reference")},
}

var talkCorrupted = []corruption{
	{"a conversation without a voyager", func(w *town, s rows) {
		s.where(ports.Conversations, "voyager_id", [16]byte(w.cleo.ID)).set("voyager_id", unknown)
	}, only("reference")},
	{"a conversation without a local", func(w *town, s rows) {
		s.where(ports.Conversations, "voyager_id", [16]byte(w.cleo.ID)).set("local_id", unknown)
	}, only("reference")},
	{"a conversation with oneself", func(w *town, s rows) {
		s.where(ports.Conversations, "voyager_id", [16]byte(w.cleo.ID)).set("local_id", [16]byte(w.cleo.ID))
	}, only("conversation_self")},
	{"a second conversation of a pair", func(w *town, s rows) {
		s.again(s.first(ports.Conversations), "id", w.ids.Next())
	}, only("conversation_pair")},
	{"a message without a conversation", to(ports.Messages, "conversation_id", unknown), only("reference")},
	{"a message by a user outside the conversation", func(w *town, s rows) {
		s.where(ports.Messages, "content", "sent while it was free").set("user_id", [16]byte(w.cleo.ID))
	}, only("message_sender")},
	{"a correspondent who has not written", func(w *town, s rows) {
		s.where(ports.Correspondents, "user_id", [16]byte(w.ada.ID)).set("reader_id", [16]byte(w.cleo.ID))
	}, only("correspondent")},
	{"a sender who is no correspondent", func(w *town, s rows) { s.drop(s.first(ports.Correspondents)) }, only("correspondent")},
	{"a correspondent who does not exist", to(ports.Correspondents, "user_id", unknown), []string{"reference", "correspondent"}},
	{"an image without a message", to(ports.Attachments, "message_id", unknown),
		[]string{"reference", "message_attachment"}},
	{"a message without its image", func(w *town, s rows) { s.drop(s.first(ports.Attachments)) },
		only("message_attachment")},
	{"an image of another type", to(ports.Attachments, "media_type", "image/webp"), only("message_attachment")},
	{"an image that is not named", func(w *town, s rows) {
		s.where(ports.Messages, "attachment", "image/gif").set("attachment", nil)
	}, only("message_attachment")},
}

// reservation returns a change that sets values of the reservation with a title.
func reservation(title string, pairs ...any) func(*town, rows) {
	return func(_ *town, s rows) { s.where(ports.Reservations, "title", title).set(pairs...) }
}

var reservationsCorrupted = []corruption{
	{"a reservation without a conversation", reservation("pending", "conversation_id", unknown), only("reference")},
	{"a reservation with another local", func(w *town, s rows) {
		s.where(ports.Reservations, "title", "pending").set("local_id", [16]byte(w.cleo.ID))
	}, only("reservation_participants")},
	{"a reservation by a user outside the conversation", func(w *town, s rows) {
		s.where(ports.Reservations, "title", "declined").set("creator_id", [16]byte(w.cleo.ID))
	}, only("reservation_participants")},
	{"a reservation that ends as it begins", func(w *town, s rows) {
		r := s.where(ports.Reservations, "title", "declined")
		r.set("end_date", r.get("date"))
	}, only("reservation_dates")},
	{"a reservation with an unknown status", reservation("declined", "status", "lost"), only("reservation_status")},
	{"a reservation with a negative price", reservation("declined", "tokens", int64(-1)), only("reservation_tokens")},
	{"reservations that overlap", reservation("next", "date", noon.Add(4*time.Hour-time.Minute)),
		only("reservation_overlap")},
	{"a short reservation within a long one", func(w *town, s rows) {
		s.where(ports.Reservations, "title", "accepted").set("date", noon, "end_date", noon.Add(7*time.Hour))
	}, only("reservation_overlap")},
	{"completed and never paid", reservation("declined", "status", "completed"), only("reservation_payment")},
	{"declined and paid", reservation("completed", "status", "declined"), only("reservation_payment")},
	{"expired and paid", reservation("completed", "status", "expired"), only("reservation_payment")},
	{"completed and refunded", reservation("cancelled", "status", "completed"), only("reservation_payment")},
	{"paid at another price", reservation("completed", "tokens", int64(4)), only("reservation_payment")},
	{"free and paid", reservation("completed", "tokens", int64(0)), only("reservation_payment")},
	{"accepted and never paid", reservation("pending", "status", "accepted"),
		[]string{"reservation_payment", "store_balance"}},
	{"pending again and paid", reservation("accepted", "status", "pending"),
		[]string{"reservation_payment", "store_balance"}},
	{"paid for another reservation", func(w *town, s rows) {
		other := s.where(ports.Reservations, "title", "pending").get("id").([16]byte)
		s.where(ports.TokenTransactions, "type", "ACTIVITY_RECEIPT").set("metadata",
			tokens.Reference("reservation_id", id.User(other)).String())
	}, only("reservation_payment")},
}

// line returns a change that sets values of the first transaction of a type.
func line(kind tokens.Type, pairs ...any) func(*town, rows) {
	return func(_ *town, s rows) { s.where(ports.TokenTransactions, "type", string(kind)).set(pairs...) }
}

// bonus returns a change that sets values of the only transaction of a user.
func bonus(pairs ...any) func(*town, rows) {
	return func(w *town, s rows) { s.where(ports.TokenTransactions, "user_id", [16]byte(w.cleo.ID)).set(pairs...) }
}

var ledgerCorrupted = []corruption{
	{"a wallet without a user", func(w *town, s rows) {
		s.where(ports.Wallets, "user_id", [16]byte(w.gone.ID)).set("user_id", unknown)
	}, []string{"wallet_user", "wallet_seq"}},
	{"a second wallet", func(w *town, s rows) {
		s.again(s.first(ports.Wallets), "id", w.ids.Next(), "balance", int64(0))
	}, only("wallet_user")},
	{"no wallet", func(w *town, s rows) { s.drop(s.where(ports.Wallets, "balance", int64(0))) }, only("wallet_user")},
	{"a ledger without a user", bonus("user_id", unknown), []string{"wallet_user", "wallet_balance", "wallet_seq"}},
	{"a balance that is not its ledger's", to(ports.Wallets, "balance", int64(1000)),
		[]string{"wallet_balance", "store_balance"}},
	{"a wallet with a wrong seq", to(ports.Wallets, "seq", int64(1)), only("wallet_seq")},
	{"a closed wallet of a user who is not erased", to(ports.Wallets, "closed", true), only("wallet_closed")},
	{"an open wallet of an erased user", func(w *town, s rows) {
		s.where(ports.Wallets, "user_id", [16]byte(w.gone.ID)).set("closed", false)
	}, only("wallet_closed")},
	{"a closed wallet that is not empty", func(w *town, s rows) {
		s.where(ports.Wallets, "user_id", [16]byte(w.gone.ID)).set("balance", int64(3))
	}, []string{"wallet_closed", "wallet_balance", "store_balance"}},
	{"a gap in a ledger", bonus("seq", int64(2)), only("transaction_seq")},
	{"a first balance that is not 0", bonus("balance_before", int64(1), "balance_after", int64(51)),
		[]string{"transaction_chain", "wallet_balance"}},
	{"an amount that does not add up", bonus("amount", int64(49)),
		[]string{"transaction_arithmetic", "wallet_balance", "store_balance"}},
	{"a balance below zero", bonus("balance_before", int64(-1), "balance_after", int64(49)),
		[]string{"transaction_balance", "transaction_chain", "wallet_balance"}},
	{"a debit that is a credit", bonus("type", "WITHDRAWAL"), only("transaction_amount")},
	{"an unknown type", bonus("type", "NO_TYPE"), only("transaction_amount")},
	{"an amount of 0", bonus("amount", int64(0), "balance_after", int64(0)),
		[]string{"transaction_amount", "wallet_balance", "store_balance"}},
	{"metadata with a blank", bonus("metadata", "{ }"), only("transaction_metadata")},
	{"metadata that is no object", bonus("metadata", `"words"`), only("transaction_metadata")},
	{"a charge without a message", line(tokens.MessageSent, "metadata", "{}"), only("transaction_message")},
	{"a charge with an invalid message", line(tokens.MessageSent, "metadata", `{"message_id":7}`),
		only("transaction_message")},
	{"a charge for a message by another user", func(w *town, s rows) {
		other := s.where(ports.Messages, "attachment", "image/gif").get("id").([16]byte)
		charge := s.where(ports.TokenTransactions, "type", "MESSAGE_SENT")
		charge.set("metadata", tokens.Reference("message_id", id.User(other)).String())
	}, only("transaction_message")},
	{"a message charged twice", func(w *town, s rows) {
		first := s.where(ports.TokenTransactions, "type", "MESSAGE_SENT")
		s.where(ports.TokenTransactions, "seq", int64(3)).set("metadata", first.get("metadata"))
	}, only("transaction_message")},
	{"a payment without a reservation", line(tokens.ActivityPayment, "metadata", "{}"),
		[]string{"transaction_reservation", "reservation_payment"}},
	{"a refund without a reservation", line(tokens.Refund, "metadata", "{}"),
		[]string{"transaction_reservation", "reservation_payment"}},
	{"two sign-up bonuses", line(tokens.Deposit, "type", "SIGNUP_BONUS"), only("signup_bonus")},
	{"a refund as the first transaction", bonus("type", "REFUND"),
		[]string{"store_balance", "transaction_reservation"}},
}

var moderationCorrupted = []corruption{
	{"a report without a reporter", to(ports.Reports, "reporter_id", unknown), only("reference")},
	{"a report without a reported user", to(ports.Reports, "reported_user_id", unknown), only("reference")},
	{"a report with an unknown reviewer", func(w *town, s rows) {
		s.where(ports.Reports, "status", "resolved").set("reviewed_by", unknown)
	}, only("reference")},
	{"a report of oneself", func(w *town, s rows) {
		s.first(ports.Reports).set("reported_user_id", s.first(ports.Reports).get("reporter_id"))
	}, only("report_self")},
	{"a report with an unknown status", func(w *town, s rows) {
		s.where(ports.Reports, "status", "resolved").set("status", "lost")
	}, only("report_status")},
	{"a second pending report of a pair", func(w *town, s rows) {
		s.again(s.where(ports.Reports, "status", "pending"), "id", w.ids.Next())
	}, only("report_pending")},
	{"a resolved report without a time", func(w *town, s rows) {
		s.where(ports.Reports, "status", "resolved").set("reviewed_at", nil)
	}, only("report_review")},
	{"a resolved report without a reviewer", func(w *town, s rows) {
		s.where(ports.Reports, "status", "resolved").set("reviewed_by", nil, "reviewed_at", nil)
	}, only("report_review")},
	{"a pending report with a time of review", func(w *town, s rows) {
		s.where(ports.Reports, "status", "pending").set("reviewed_at", noon)
	}, only("report_review")},
	{"a report without the copy of its message", func(w *town, s rows) {
		s.drop(s.where(ports.ReportedMessages, "message_id", [16]byte(w.sent[1].ID)))
	}, only("report_message")},
	{"a copy in a report of no message", func(w *town, s rows) {
		s.where(ports.Reports, "status", "dismissed").set("message_id", nil)
	}, only("report_message")},
	{"a copy of a message that does not exist", func(w *town, s rows) {
		s.where(ports.ReportedMessages, "message_id", [16]byte(w.sent[0].ID)).set("message_id", unknown)
	}, only("reference")},
	{"a copy with another sender", to(ports.ReportedMessages, "user_id", unknown), only("report_message")},
	{"a copy of a message of others", func(w *town, s rows) {
		s.where(ports.Reports, "status", "dismissed").set("reporter_id", [16]byte(w.cleo.ID))
	}, only("report_message")},
	{"a report with four messages", func(w *town, s rows) {
		for _, m := range w.sent[2:4] {
			s.again(s.first(ports.ReportedMessages), "message_id", [16]byte(m.ID), "user_id", [16]byte(m.UserID))
		}
	}, only("report_message")},
	{"a sanction without a user", to(ports.Sanctions, "user_id", unknown), only("reference")},
	{"a sanction by nobody", to(ports.Sanctions, "created_by", unknown), only("reference")},
	{"a sanction that nobody decided", to(ports.Sanctions, "decided_by", unknown), only("reference")},
	{"a sanction of an unknown kind", to(ports.Sanctions, "kind", "prison"), only("sanction")},
	{"an unknown outcome", to(ports.Sanctions, "outcome", "lost"), only("sanction")},
	{"an outcome without a time", to(ports.Sanctions, "decided_at", nil), only("sanction")},
	{"a time without an outcome", to(ports.Sanctions, "outcome", nil), only("sanction")},
	{"an appeal without a time", to(ports.Sanctions, "appealed_at", nil), only("sanction")},
	{"upheld without an appeal", to(ports.Sanctions, "appeal", nil, "appealed_at", nil), only("sanction")},
	{"suspended and active", to(ports.Users, "suspended_until", noon), only("user_suspended")},
	{"a block without a blocking user", to(ports.Blocks, "user_id", unknown), only("reference")},
	{"a block without a blocked user", to(ports.Blocks, "blocked_user_id", unknown), only("reference")},
	{"a block of oneself", func(w *town, s rows) {
		s.first(ports.Blocks).set("blocked_user_id", s.first(ports.Blocks).get("user_id"))
	}, only("block_self")},
	{"events of an aggregate in the wrong order", func(_ *town, s rows) {
		s.where(ports.Events, "seq", int64(5)).set("seq", int64(1))
	}, only("event_seq")},
	{"a seq that was given twice", func(_ *town, s rows) {
		s.where(ports.Events, "seq", int64(5)).set("seq", int64(2))
	}, only("event_seq")},
	{"an event that was left behind", func(_ *town, s rows) {
		s.where(ports.Outbox, "seq", int64(6)).set("seq", int64(4))
	}, only("event_seq")},
	{"a position that was not given", to(ports.Counters, "value", int64(1)), []string{"event_position", "subscription"}},
	{"a lease without an end", to(ports.Subscriptions, "held_until", nil), only("subscription")},
	{"set aside by nobody", to(ports.SetAside, "subscriber", "other"), only("reference")},
	{"set aside without an event", to(ports.SetAside, "position", int64(1000)), only("reference")},
	{"a preference of nobody", to(ports.NotificationPreferences, "user_id", unknown), only("reference")},
	{"a preference about sanctions", to(ports.NotificationPreferences, "kind", "sanction"), only("notification")},
	{"a preference without a channel", to(ports.NotificationPreferences, "channel", "pigeon"), only("notification")},
	{"a preference of one who is erased", func(w *town, s rows) {
		s.first(ports.NotificationPreferences).set("user_id", [16]byte(w.gone.ID))
	}, only("notification")},
	{"a presence of nobody", to(ports.Presences, "user_id", unknown), only("reference")},
	{"a notice of nobody", to(ports.Notices, "user_id", unknown), only("reference")},
	{"a notice of no kind", to(ports.Notices, "kind", "gossip"), only("notification")},
	{"a webhook without a subscription", to(ports.Webhooks, "id", unknown), []string{"subscription", "webhook"}},
	{"an old secret without an end", to(ports.Webhooks, "old_secret", []byte("sealed before")), only("webhook")},
	{"an audit record with an unknown actor", func(w *town, s rows) {
		s.where(ports.AuditRecords, "actor_id", [16]byte(w.cleo.ID)).set("actor_id", unknown)
	}, only("reference")},
}
