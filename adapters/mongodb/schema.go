package mongodb

import (
	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// collection is the name of a collection.
type collection string

// The collections. They have the names of the model, except that profiles holds the profiles'
// interests, and users the blocks.
const (
	usersIn            collection = "users"
	secondFactorsIn    collection = "second_factors"
	sessionsIn         collection = "sessions"
	refreshTokensIn    collection = "refresh_tokens"
	resetsIn           collection = "password_resets"
	walletsIn          collection = "wallets"
	ledgerIn           collection = "token_transactions"
	sealsIn            collection = "ledger_seals"
	interestsIn        collection = "interests"
	profilesIn         collection = "profiles"
	correspondentsIn   collection = "correspondents"
	conversationsIn    collection = "conversations"
	messagesIn         collection = "messages"
	attachmentsIn      collection = "attachments"
	reservationsIn     collection = "reservations"
	calendarsIn        collection = "calendars"   // one for each local, changed with every accepted reservation
	uniqueKeysIn       collection = "unique_keys" // one for each unique value
	reportsIn          collection = "reports"
	reportedMessagesIn collection = "reported_messages"
	sanctionsIn        collection = "sanctions"
	auditIn            collection = "audit_records"
	preferencesIn      collection = "notification_preferences"
	presencesIn        collection = "presences"
	noticesIn          collection = "notices"
	idempotencyIn      collection = "idempotency_records"
	grantsIn           collection = "signup_grants"
	triesIn            collection = "tries"
	outboxIn           collection = "outbox"
	eventsIn           collection = "events"
	countersIn         collection = "counters"
	subscriptionsIn    collection = "subscriptions"
	setAsideIn         collection = "set_aside_events"
	webhooksIn         collection = "webhooks"
	storeKeysIn        collection = "store_keys"
	marksIn            collection = "store_marks"
	versionsIn         collection = "schema_versions"
	serversIn          collection = "servers" // one for each open store
)

// lookedUp are the collections in which a unit looks up unique values before it writes.
var lookedUp = []collection{uniqueKeysIn, secondFactorsIn, interestsIn, profilesIn, reportsIn, idempotencyIn, grantsIn, triesIn, storeKeysIn, marksIn, calendarsIn,
	correspondentsIn, sealsIn, countersIn, subscriptionsIn, presencesIn, noticesIn, webhooksIn}

// spec is a collection with the rules for its documents and its indexes.
type spec struct {
	name    collection
	shard   shard
	table   *ports.Table      // the table whose columns are its fields, or nil
	extra   map[string]string // further fields, with their BSON types
	rules   []bson.D          // further conditions on a document
	indexes []index
}

// index is an index. Its keys are ascending, and separated by spaces.
type index struct {
	name    string
	keys    string
	unique  bool
	sparse  bool
	partial bson.D
}

// shard is the shard key of a collection.
type shard struct {
	key    string // "" if the collection is not sharded
	hashed bool
	why    string
}

// schema holds every collection in the latest version, which the migrations lead to. The field
// guard counts the units that have held a document.
var schema = []spec{
	{
		name: usersIn, table: ports.Users,
		shard: shard{"_id", true,
			"an account is nearly always read by its id; ids increase with time, so hashed ones spread new documents; " +
				"a change of a role or an erasure holds the admins on every shard"},
		extra: map[string]string{"name_searched": "string", "email_folded": "string?", "email_searched": "string", "guard": "long"},
		rules: []bson.D{d("role", d("$in", bson.A{string(users.RoleUser), string(users.RoleAdmin)}))},
		indexes: []index{
			{name: "by_time", keys: "created_at _id"},
			{name: "by_role", keys: "role created_at _id"},
			{name: "by_activity", keys: "is_active created_at _id"},
			{name: "by_email", keys: "email_folded"},
			{name: "by_blocked", keys: "blocks.user_id", sparse: true},
		},
	},
	{name: secondFactorsIn, table: ports.SecondFactors, shard: shard{"_id", true, "a second factor is read and changed by its user, who is its id"}},
	{
		name: sessionsIn, table: ports.Sessions,
		shard: shard{"_id", true, "each request reads one session by its id; a new password ends a user's sessions on every shard"},
		extra: map[string]string{"expires_at": "date"},
		indexes: []index{
			{name: "of_user", keys: "user_id created_at _id"},
			{name: "live_of_user", keys: "user_id revoked_at created_at _id"},
			{name: "by_expiry", keys: "expires_at _id"},
		},
	},
	{
		name: refreshTokensIn, table: ports.RefreshTokens,
		shard:   shard{"_id", true, "a refresh token is found by its hash, which is the id; an erasure removes a session's tokens on every shard"},
		indexes: []index{{name: "of_session", keys: "session_id"}},
	},
	{
		name: resetsIn, table: ports.PasswordResets,
		shard: shard{"_id", true, "a few documents, which live for an hour"},
		indexes: []index{
			{name: "by_hash", keys: "hash"},
			{name: "of_user", keys: "user_id expires_at _id"},
		},
	},
	{
		name: walletsIn, table: ports.Wallets,
		shard: shard{"user_id", false,
			"on the shard of its ledger, so that a payment is a transaction on one shard; it keeps wallets unique per user, " +
				"which a hashed key could not"},
		extra: map[string]string{"guard": "long"},
		rules: []bson.D{d("balance", d("$gte", int64(0), "$lte", int64(tokens.MaxBalance))), d("seq", d("$gte", int64(0)))},
		indexes: []index{
			{name: "of_user", keys: "user_id", unique: true},
		},
	},
	{
		name: ledgerIn, table: ports.TokenTransactions,
		shard: shard{"user_id", false, "on the shard of the wallet; it keeps seq and the signup bonus unique, which a hashed key could not"},
		rules: ledgerRules(),
		indexes: []index{
			{name: "of_user", keys: "user_id seq", unique: true},
			{name: "one_signup_bonus", keys: "user_id type", unique: true, partial: d("type", string(tokens.SignupBonus))},
		},
	},
	{
		name: sealsIn, table: ports.LedgerSeals, extra: map[string]string{"_id": "object"},
		shard: shard{"_id", true, "the id is the user and the seq, so that a transaction has one seal; only the sealer and audits read seals"},
	},
	{
		name: interestsIn, table: ports.Interests,
		shard: shard{why: "a few hundred documents: it stays on one shard, and so keeps each name unique"},
		extra: map[string]string{"name_folded": "string", "guard": "long"},
		indexes: []index{
			{name: "one_name", keys: "name_folded twin", unique: true, partial: d("twin", false)},
			{name: "in_order", keys: "name_folded _id"},
		},
	},
	{
		name: profilesIn, table: ports.Profiles,
		shard: shard{"user_id", false,
			"a profile is read by its user; it keeps profiles unique per user; a search queries every shard"},
		extra: map[string]string{"country_searched": "string", "city_searched": "string", "interests": "array", "user_is_active": "bool"},
		rules: []bson.D{d("$or", bson.A{d("age", nil), d("age", d("$gte", int64(matching.MinAge), "$lte", int64(matching.MaxAge)))})},
		indexes: []index{
			{name: "of_user", keys: "user_id", unique: true},
			{name: "by_interest", keys: "interests", partial: findable},
			{name: "by_age", keys: "age", partial: findable},
			{name: "in_country", keys: "country_searched city_searched", partial: findable},
			{name: "in_city", keys: "city_searched", partial: findable},
			{name: "by_place", keys: "country_searched city_searched _id", partial: findable},
		},
	},
	{
		name: correspondentsIn, table: ports.Correspondents, extra: map[string]string{"_id": "object"},
		shard: shard{"_id", true, "the id is the pair, by which it is read"},
	},
	{
		name: conversationsIn, table: ports.Conversations,
		shard: shard{"_id", true, "every operation in a conversation first reads it by its id"},
		extra: map[string]string{
			"participants": "array", "activity_at": "date", "last_message": "object?", "unread_voyager": "long", "unread_local": "long",
			"sent_voyager": "long", "sent_local": "long", "guard": "long?",
		},
		rules: []bson.D{d("$expr", d("$ne", bson.A{"$voyager_id", "$local_id"}))},
		indexes: []index{
			{name: "of_pair", keys: "voyager_id local_id"},
			{name: "of_participant", keys: "participants activity_at _id"},
			{name: "unread_of_voyager", keys: "voyager_id", partial: d("unread_voyager", d("$gt", int64(0)))},
			{name: "unread_of_local", keys: "local_id", partial: d("unread_local", d("$gt", int64(0)))},
			{name: "of_voyager", keys: "voyager_id created_at"},
		},
	},
	{
		name: messagesIn, table: ports.Messages,
		shard: shard{"conversation_id", true, "a page of messages comes from one shard; hashed, so that new conversations spread"},
		indexes: []index{
			{name: "of_conversation", keys: "conversation_id created_at _id"},
			{name: "of_user", keys: "user_id"},
			{name: "unread", keys: "conversation_id read created_at _id", partial: d("read", false)},
		},
	},
	{name: attachmentsIn, table: ports.Attachments, shard: shard{"_id", true, "an image is read by its message's id, which is its own"}},
	{
		name: reservationsIn, table: ports.Reservations,
		shard: shard{"_id", true, "a reservation is changed by its id; calendars prevents overlaps"},
		extra: map[string]string{"participants": "array", "guard": "long"},
		rules: []bson.D{
			d("status", d("$in", statuses(reservations.Pending, reservations.Accepted, reservations.Declined,
				reservations.Cancelled, reservations.Completed, reservations.Expired))),
			d("tokens", d("$gte", int64(0))),
			d("$expr", d("$gt", bson.A{"$end_date", "$date"})),
			d("$expr", d("$in", bson.A{"$creator_id", "$participants"})),
		},
		indexes: []index{
			{name: "of_conversation", keys: "conversation_id created_at _id"},
			{name: "of_participant", keys: "participants created_at _id"},
			{name: "of_participant_by_status", keys: "participants status created_at _id"},
			{name: "held", keys: "voyager_id status tokens"},
			{name: "calendar", keys: "local_id status date end_date"},
			{name: "due", keys: "status end_date _id"},
			{name: "lapsing", keys: "status date _id"},
			{name: "by_time", keys: "created_at _id"},
			{name: "by_status", keys: "status created_at _id"},
			{name: "of_participant_by_date", keys: "participants date _id"},
			{name: "of_creator", keys: "creator_id created_at"},
			{name: "pending", keys: "conversation_id status", partial: d("status", string(reservations.Pending))},
		},
	},
	{
		name: calendarsIn, extra: map[string]string{"_id": "binData", "guard": "long"},
		shard: shard{"_id", true, "the id is the local's: a unit that accepts for the local writes this document"},
	},
	{
		name: uniqueKeysIn, extra: map[string]string{"_id": "object"},
		shard: shard{"_id", true, "the id is the unique value: a folded address, or the pair of a conversation"},
	},
	{
		name: reportsIn, table: ports.Reports,
		shard: shard{"reporter_id", false, "it keeps a reporter's pending report of a user unique"},
		rules: []bson.D{
			d("status", d("$in", statuses(moderation.Pending, moderation.Reviewed, moderation.Resolved, moderation.Dismissed))),
			d("$expr", d("$ne", bson.A{"$reporter_id", "$reported_user_id"})),
		},
		indexes: []index{
			{name: "one_pending", keys: "reporter_id reported_user_id", unique: true, partial: d("status", string(moderation.Pending))},
			{name: "by_time", keys: "created_at _id"},
			{name: "by_status", keys: "status created_at _id"},
			{name: "of_reporter", keys: "reporter_id created_at _id"},
			{name: "of_reported", keys: "reported_user_id created_at _id"},
		},
	},
	{
		name: reportedMessagesIn, table: ports.ReportedMessages, extra: map[string]string{"_id": "object"},
		shard:   shard{"_id", true, "the id is the report and the message; the few documents of a report are read from every shard"},
		indexes: []index{{name: "of_report", keys: "_id.report_id"}},
	},
	{
		name: sanctionsIn, table: ports.Sanctions,
		shard:   shard{"_id", true, "a sanction is changed by its id; the few documents of a user are read from every shard"},
		rules:   []bson.D{d("kind", d("$in", statuses(moderation.Warning, moderation.Restriction, moderation.Suspension)))},
		indexes: []index{{name: "of_user", keys: "user_id created_at _id"}},
	},
	{
		name: auditIn, table: ports.AuditRecords,
		shard: shard{"_id", true, "documents are only added; ids increase with time, so hashed ones spread new documents"},
		indexes: []index{
			{name: "by_time", keys: "created_at _id"},
			{name: "of_subject", keys: "subject_id created_at _id"},
		},
	},
	{
		name: preferencesIn, table: ports.NotificationPreferences, extra: map[string]string{"_id": "object"},
		shard:   shard{"_id", true, "the id is the user and the kind; the few documents of a user are read from every shard"},
		rules:   []bson.D{d("channel", d("$in", statuses(notifications.Mail, notifications.None)))},
		indexes: []index{{name: "of_user", keys: "_id.user_id"}},
	},
	{name: presencesIn, table: ports.Presences, shard: shard{"_id", true, "the id is the user, by which it is read"}},
	{
		name: noticesIn, table: ports.Notices, extra: map[string]string{"_id": "object"},
		shard:   shard{"_id", true, "the id is the user, the kind and the subject; those that are due are read from every shard"},
		rules:   []bson.D{d("attempts", d("$gte", int64(0)))},
		indexes: []index{{name: "of_user", keys: "_id.user_id"}, {name: "by_due", keys: "due_at _id"}},
	},
	{
		name: idempotencyIn, table: ports.IdempotencyRecords,
		shard: shard{"_id", true, "the id is the owner and the key, so a command has one record; an erasure removes an owner's records on every shard"},
		extra: map[string]string{"saved": "bool", "guard": "long"},
		indexes: []index{
			{name: "of_owner", keys: "_id.owner"},
			{name: "by_time", keys: "saved created_at"},
		},
	},
	{name: grantsIn, table: ports.SignupGrants, shard: shard{"_id", true, "the id is the hash of an address, which is granted once"}},
	{
		name: triesIn, table: ports.Tries,
		shard: shard{"_id", true, "the id is the hash by which a count is read; an erasure removes those of an address on every shard"},
		rules: []bson.D{d("count", d("$gte", int64(0)))},
		indexes: []index{
			{name: "of_subject", keys: "subject"},
			{name: "by_expiry", keys: "expires_at _id"},
		},
	},
	{
		name: outboxIn, table: ports.Outbox, extra: map[string]string{"_id": "object"},
		shard:   shard{why: "events wait here for a moment only: on one shard, so that a numbering reads them in one place"},
		indexes: []index{{name: "by_time", keys: "created_at _id.id"}},
	},
	{
		name: eventsIn, table: ports.Events, rules: []bson.D{d("_id", d("$gte", int64(1)))},
		shard: shard{why: "they are read in the order of one number, and removed when they are delivered"},
	},
	{name: countersIn, table: ports.Counters, shard: shard{why: "a handful of documents"}},
	{
		name: subscriptionsIn, table: ports.Subscriptions, shard: shard{why: "a document for each subscriber"},
		rules: []bson.D{d("state", d("$in", statuses(events.Active, events.Behind, events.Off)))},
	},
	{
		name: setAsideIn, table: ports.SetAside, extra: map[string]string{"_id": "object"},
		shard:   shard{why: "few events, which admins look after"},
		rules:   []bson.D{d("state", d("$in", statuses(events.Waiting, events.Retried)))},
		indexes: []index{{name: "of_event", keys: "_id.position"}, {name: "by_state", keys: "state _id"}},
	},
	{name: webhooksIn, table: ports.Webhooks, shard: shard{why: "few documents, which admins look after"}},
	{name: storeKeysIn, table: ports.StoreKeys, shard: shard{why: "a document for each key of the store"}},
	{name: marksIn, table: ports.StoreMarks, shard: shard{why: "a handful of documents"}},
	{name: versionsIn, extra: map[string]string{"_id": "long", "applied_at": "date", "sealed": "bool?"}, shard: shard{why: "a document for each migration"}},
	{
		name: serversIn, extra: map[string]string{"_id": "binData", "host": "string", "exclusive": "bool", "since": "date", "seen_at": "date"},
		shard: shard{why: "a document for each server: on one shard, so that one clock decides which have expired"},
	},
}

// findable is the first condition of a search.
var findable = d("is_searchable", true, "user_is_active", true)

func statuses[S ~string](all ...S) bson.A {
	names := make(bson.A, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return names
}

// ledgerRules reject an entry whose balances do not differ by its amount, or whose type does not
// allow its sign.
func ledgerRules() []bson.D {
	credits, debits := bson.A{}, bson.A{}
	for _, t := range tokens.Types {
		if t.Allows(1) {
			credits = append(credits, string(t))
		}
		if t.Allows(-1) {
			debits = append(debits, string(t))
		}
	}
	return []bson.D{
		d("seq", d("$gte", int64(1)), "balance_before", d("$gte", int64(0)), "balance_after", d("$gte", int64(0))),
		d("$or", bson.A{
			d("type", d("$in", credits), "amount", d("$gt", int64(0))),
			d("type", d("$in", debits), "amount", d("$lt", int64(0))),
		}),
		d("$expr", d("$eq", bson.A{d("$subtract", bson.A{"$balance_after", "$balance_before"}), "$amount"})),
	}
}

// renamed holds the columns that are the id of their documents. All other fields have the column's
// name.
var renamed = map[*ports.Table]map[string]string{
	ports.RefreshTokens:           {"hash": "_id"},
	ports.SecondFactors:           {"user_id": "_id"},
	ports.Attachments:             {"message_id": "_id"},
	ports.LedgerSeals:             {"user_id": "_id.user_id", "seq": "_id.seq"},
	ports.Correspondents:          {"user_id": "_id.user_id", "reader_id": "_id.reader_id"},
	ports.ReportedMessages:        {"report_id": "_id.report_id", "message_id": "_id.message_id"},
	ports.NotificationPreferences: {"user_id": "_id.user_id", "kind": "_id.kind"},
	ports.Presences:               {"user_id": "_id"},
	ports.Notices:                 {"user_id": "_id.user_id", "kind": "_id.kind", "subject_id": "_id.subject_id"},
	ports.IdempotencyRecords:      {"owner": "_id.owner", "key": "_id.key"},
	ports.SignupGrants:            {"address_hash": "_id"},
	ports.Tries:                   {"hash": "_id"},
	ports.Outbox:                  {"aggregate": "_id.aggregate", "seq": "_id.seq", "id": "_id.id"},
	ports.Events:                  {"position": "_id", "id": "id"},
	ports.Counters:                {"name": "_id"},
	ports.Subscriptions:           {"name": "_id"},
	ports.SetAside:                {"subscriber": "_id.subscriber", "position": "_id.position"},
	ports.StoreKeys:               {"name": "_id"},
	ports.StoreMarks:              {"name": "_id"},
}

// fieldOf returns the path of a column in its document.
func fieldOf(table *ports.Table, column string) string {
	if name, other := renamed[table][column]; other {
		return name
	}
	if column == "id" {
		return "_id"
	}
	return column
}

// fieldsOf returns the paths of columns.
func fieldsOf(table *ports.Table, columns []ports.Column) []string {
	fields := make([]string, len(columns))
	for i, c := range columns {
		fields[i] = fieldOf(table, c.Name)
	}
	return fields
}

var bsonTypes = map[ports.Kind]string{
	ports.UUID: "binData", ports.Text: "string", ports.Int: "long", ports.Bool: "bool", ports.Time: "date", ports.Decimal: "decimal",
	ports.JSON: "string", ports.Bytes: "binData", ports.Texts: "array",
}
