package memory

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// mapping reads and writes the rows of one table.
type mapping interface {
	read(s *state, after string, limit int) []ports.Row
	write(s *state, row ports.Row) error
}

// rowsOf returns the mapping of a table and its tree, which is ordered by the table's key. value
// converts an element of the tree to a T, and add stores a T if it keeps the table's rules.
func rowsOf[T, V any](
	layout ports.Layout[T], tree func(s *state) *tree[V], value func(V) T, add func(*state, T) error,
) mapping {
	return treeRows[T, V]{layout, tree, value, add}
}

// deref and itself are the value functions of trees of *T and T.
func deref[T any](p *T) T { return *p }
func itself[T any](v T) T { return v }

// treeRows is the mapping of a table of Ts, kept in a tree of Vs.
type treeRows[T, V any] struct {
	layout ports.Layout[T]
	tree   func(s *state) *tree[V]
	value  func(V) T
	add    func(*state, T) error
}

func (m treeRows[T, V]) read(s *state, after string, limit int) (page []ports.Row) {
	for _, v := range m.tree(s).ascend("", after) {
		if len(page) >= limit {
			break
		}
		page = append(page, m.layout.Row(m.value(v)))
	}
	return page
}

func (m treeRows[T, V]) write(s *state, row ports.Row) error {
	v, err := m.layout.Value(row)
	if err != nil {
		return err
	}
	return m.add(s, v)
}

// mappings holds the mapping of every table.
var mappings = map[*ports.Table]mapping{
	ports.Users: rowsOf(ports.AccountLayout, func(s *state) *tree[*account] { return &s.users },
		func(a *account) ports.Account { return a.Account },
		func(s *state, a ports.Account) error { return s.addAccount(newAccount(a)) }),
	ports.Sessions: rowsOf(ports.SessionLayout,
		func(s *state) *tree[*users.Session] { return &s.sessions }, deref, (*state).addSession),
	ports.SecondFactors: rowsOf(ports.SecondFactorLayout,
		func(s *state) *tree[*users.SecondFactor] { return &s.secondFactors }, deref, (*state).addSecondFactor),
	ports.RefreshTokens: rowsOf(ports.RefreshTokenLayout,
		func(s *state) *tree[*users.RefreshToken] { return &s.refreshTokens }, deref, (*state).addRefreshToken),
	ports.PasswordResets: rowsOf(ports.ResetLayout,
		func(s *state) *tree[*users.Reset] { return &s.resets }, deref, (*state).addReset),
	ports.Wallets: rowsOf(ports.WalletLayout,
		func(s *state) *tree[*ports.Wallet] { return &s.walletIDs }, deref, (*state).addWallet),
	ports.TokenTransactions: rowsOf(ports.TransactionLayout,
		func(s *state) *tree[*tokens.Transaction] { return &s.ledger }, deref, (*state).append),
	ports.LedgerSeals: rowsOf(ports.SealLayout,
		func(s *state) *tree[tokens.Seal] { return &s.seals }, itself, (*state).addSeal),
	ports.Interests: rowsOf(ports.InterestLayout, func(s *state) *tree[*interest] { return &s.interests },
		func(i *interest) matching.Interest { return i.Interest }, (*state).addInterest),
	ports.Profiles: rowsOf(ports.ProfileLayout, func(s *state) *tree[*profile] { return &s.profileIDs },
		func(p *profile) matching.Profile { return p.Profile }, (*state).addProfile),
	ports.ProfileInterests: rowsOf(ports.ProfileInterestLayout,
		func(s *state) *tree[ports.ProfileInterest] { return &s.links }, itself, (*state).addLink),
	ports.Correspondents: rowsOf(ports.CorrespondentLayout,
		func(s *state) *tree[matching.Correspondent] { return &s.correspondents }, itself, (*state).addCorrespondent),
	ports.Conversations: rowsOf(ports.ConversationLayout,
		func(s *state) *tree[*messaging.Conversation] { return &s.conversations }, deref, (*state).addConversation),
	ports.Messages: rowsOf(ports.MessageLayout,
		func(s *state) *tree[*messaging.Message] { return &s.messages }, deref, (*state).addMessage),
	ports.Attachments: rowsOf(ports.AttachmentLayout,
		func(s *state) *tree[ports.Attachment] { return &s.attachments }, itself, (*state).addAttachment),
	ports.Reservations: rowsOf(ports.ReservationLayout,
		func(s *state) *tree[*reservations.Reservation] { return &s.reservations }, deref, (*state).addReservation),
	ports.Reports: rowsOf(ports.ReportLayout,
		func(s *state) *tree[*moderation.Report] { return &s.reports }, deref, (*state).addReport),
	ports.ReportedMessages: rowsOf(ports.ReportedMessageLayout,
		func(s *state) *tree[ports.ReportedMessage] { return &s.reportedMessages }, itself, (*state).addReportedMessage),
	ports.Sanctions: rowsOf(ports.SanctionLayout,
		func(s *state) *tree[*moderation.Sanction] { return &s.sanctions }, deref, (*state).addSanction),
	ports.Blocks: rowsOf(ports.BlockLayout,
		func(s *state) *tree[*moderation.Block] { return &s.blocks }, deref, (*state).addBlock),
	ports.AuditRecords: rowsOf(ports.AuditRecordLayout,
		func(s *state) *tree[*moderation.AuditRecord] { return &s.audits }, deref, (*state).addAudit),
	ports.NotificationPreferences: rowsOf(ports.PreferenceLayout,
		func(s *state) *tree[notifications.Preference] { return &s.preferences }, itself, (*state).addPreference),
	ports.Presences: rowsOf(ports.PresenceLayout,
		func(s *state) *tree[notifications.Presence] { return &s.presences }, itself, (*state).addPresence),
	ports.Notices: rowsOf(ports.NoticeLayout,
		func(s *state) *tree[*notifications.Notice] { return &s.notices }, deref, (*state).addNotice),
	ports.IdempotencyRecords: rowsOf(ports.RecordLayout,
		func(s *state) *tree[*idempotency.Record] { return &s.records }, deref, (*state).addRecord),
	ports.SignupGrants: rowsOf(ports.GrantLayout,
		func(s *state) *tree[ports.Grant] { return &s.grants }, itself, (*state).addGrant),
	ports.Tries: rowsOf(ports.TriesLayout,
		func(s *state) *tree[*users.Tries] { return &s.tries }, deref, (*state).addTries),
	ports.Outbox: rowsOf(ports.OutboxLayout, func(s *state) *tree[*waiting] { return &s.outbox },
		func(w *waiting) events.Event { return w.Event }, (*state).addWaiting),
	ports.Events: rowsOf(ports.EventLayout,
		func(s *state) *tree[*events.Numbered] { return &s.events }, deref, (*state).addNumbered),
	ports.Counters: rowsOf(ports.CounterLayout,
		func(s *state) *tree[ports.Counter] { return &s.counters }, itself, (*state).addCounter),
	ports.Subscriptions: rowsOf(ports.SubscriptionLayout,
		func(s *state) *tree[*events.Subscription] { return &s.subscriptions }, deref, (*state).addSubscription),
	ports.SetAside: rowsOf(ports.SetAsideLayout,
		func(s *state) *tree[*events.SetAside] { return &s.asides }, deref, (*state).addAside),
	ports.Webhooks: rowsOf(ports.WebhookLayout,
		func(s *state) *tree[*webhooks.Endpoint] { return &s.endpoints }, deref, (*state).addEndpoint),
	ports.StoreKeys: rowsOf(ports.StoreKeyLayout,
		func(s *state) *tree[ports.StoreKey] { return &s.keys }, itself, (*state).addKey),
	ports.StoreMarks: rowsOf(ports.MarkLayout,
		func(s *state) *tree[ports.Mark] { return &s.marks }, itself, (*state).addMark),
}

// rows implements ports.Rows.
type rows struct{ *unit }

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(s *state) error {
		if err := table.CheckKey(after); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		page = mappings[table].read(s, keyOf(after), limit)
		return nil
	})
	return page, err
}

func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(s *state) error {
		if err := table.Check(rows...); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		for _, row := range rows {
			if err := mappings[table].write(s, row); err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

// keyOf encodes the values of a table's key as its tree does. It returns "" for nil.
func keyOf(after []any) string {
	key := ""
	for _, value := range after {
		switch v := value.(type) {
		case [16]byte:
			key += idKey(v)
		case string:
			key += textKey(v)
		case int64:
			key += intKey(v)
		case []byte:
			key += string(v)
		}
	}
	return key
}
