package mongodb

import (
	"embed"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
)

// migrations are the steps from an empty database to the present one. The first leads to version 1, and each further one
// to the next version. A step that was released never changes: a change of the schema is a further step, and a test
// compares what all steps make with the schema. A field that may be null or absent takes one line:
//
//	of(change{in: "profiles", fields: map[string]string{"occupation": "string?"}}),
//
// A field that every document must have takes a filling as well.
var migrations = []step{
	asReleased("migrations/00001_schema.json"),

	// Version 1 requires even the fields that may be null, so that a document without a field that came later could
	// not be changed. These collections get their validators again, which from here on do not require such fields.
	of(change{in: "users"}, change{in: "sessions"}, change{in: "refresh_tokens"}, change{in: "interests"}, change{in: "profiles"},
		change{in: "conversations"}, change{in: "messages"}, change{in: "reports"}, change{in: "audit_records"}),

	// A unit that sends a message holds the conversation.
	of(change{in: "conversations", fields: map[string]string{"guard": "long?"}}),

	// Pending reservations expire. Admins list all reservations, and users their own by date.
	of(change{
		in: "reservations",
		rules: []bson.D{
			d("status", d("$in", bson.A{"pending", "accepted", "declined", "cancelled", "completed", "expired"})),
			d("tokens", d("$gte", int64(0))),
			d("$expr", d("$gt", bson.A{"$end_date", "$date"})),
			d("$expr", d("$in", bson.A{"$creator_id", "$participants"})),
		},
		indexes: []index{
			{name: "lapsing", keys: "status date _id"},
			{name: "by_time", keys: "created_at _id"},
			{name: "by_status", keys: "status created_at _id"},
			{name: "of_participant_by_date", keys: "participants date _id"},
		},
	}),

	// Texts are prepared and compared by one set of rules, which make new texts of existing documents: what ends in _folded is
	// unique or orders, what ends in _searched is searched. Documents that were different and now are the same become twins.
	of(
		change{in: "signup_grants", fields: map[string]string{"_id": "binData"}},
		change{in: "store_keys", fields: map[string]string{"_id": "string", "key": "binData"}},
		change{
			in: "users", fields: map[string]string{"name_searched": "string", "email_searched": "string", "twin": "bool"},
			dropped: []string{"name_folded"}, fill: &filling{lacking: untwinned, with: refoldUser},
		},
		change{in: "users", fill: &filling{lacking: d("name_folded", d("$exists", true)), without: []string{"name_folded"}}},
		change{
			in: "interests", unindexed: []string{"by_name"}, indexes: []index{
				{name: "one_name", keys: "name_folded twin", unique: true, partial: d("twin", false)},
				{name: "in_order", keys: "name_folded _id"},
			},
		},
		change{ // one at a time, because each looks for those before it
			in: "interests", fields: map[string]string{"twin": "bool"}, fill: &filling{lacking: untwinned, batch: 1, with: refoldInterest},
		},
		change{
			in: "profiles", fields: map[string]string{"country_searched": "string", "city_searched": "string"},
			dropped: []string{"country_folded", "city_folded"}, unindexed: []string{"by_country", "by_city"}, indexes: []index{
				{name: "in_country", keys: "country_searched city_searched", partial: d("is_searchable", true, "user_is_active", true)},
				{name: "in_city", keys: "city_searched", partial: d("is_searchable", true, "user_is_active", true)},
			},
			fill: &filling{lacking: d("city_searched", d("$exists", false)), with: refoldProfile},
		},
		change{in: "profiles", fill: &filling{
			lacking: d("city_folded", d("$exists", true)), without: []string{"country_folded", "city_folded"},
		}},
	),

	// Several password resets of one user may be open. Those from before have their user's id as
	// their own. A refresh token counts its uses. Those that were used before lack the count, and
	// are past their grace. A session has the time of its last use, and where it began, which is
	// unknown for those from before.
	of(
		change{
			in: "password_resets", fields: map[string]string{"user_id": "binData"},
			indexes: []index{{name: "of_user", keys: "user_id expires_at _id"}},
			fill:    &filling{lacking: d("user_id", d("$exists", false)), with: nameResetUser},
		},
		change{in: "refresh_tokens", fields: map[string]string{"uses": "long?"}},
		change{
			in: "sessions", fields: map[string]string{"last_used_at": "date", "client": "string?", "address": "string?"},
			indexes: []index{{name: "live_of_user", keys: "user_id revoked_at created_at _id"}},
			fill:    &filling{lacking: d("last_used_at", d("$exists", false)), with: dateLastUse},
		},
	),

	// The correspondents record who has written to whom. Unread messages are counted by two indexes.
	of(
		change{in: "correspondents", fields: map[string]string{"_id": "object"}},
		change{
			in: "conversations", indexes: []index{
				{name: "unread_of_voyager", keys: "voyager_id", partial: d("unread_voyager", d("$gt", int64(0)))},
				{name: "unread_of_local", keys: "local_id", partial: d("unread_local", d("$gt", int64(0)))},
			},
			fill: &filling{lacking: d("last_message", d("$ne", nil)), with: addCorrespondents},
		},
	),

	// Quotas count what a user opened or proposed in the last hours, and what is pending in a
	// conversation.
	of(
		change{in: "conversations", indexes: []index{{name: "of_voyager", keys: "voyager_id created_at"}}},
		change{in: "reservations", indexes: []index{
			{name: "of_creator", keys: "creator_id created_at"},
			{name: "pending", keys: "conversation_id status", partial: d("status", "pending")},
		}},
	),

	// People are listed by their places.
	of(change{in: "profiles", indexes: []index{{
		name: "by_place", keys: "country_searched city_searched _id", partial: d("is_searchable", true, "user_is_active", true),
	}}}),

	// An image that was cleaned has a mark. Those from before are cleaned when they are served.
	of(change{in: "attachments", fields: map[string]string{"cleaned": "bool"}, fill: &filling{
		lacking: d("cleaned", d("$exists", false)), batch: 4, with: markUncleaned,
	}}),

	// Wrong passwords and requests for resets are counted, under HMACs of addresses and networks.
	of(change{
		in: "tries",
		fields: map[string]string{
			"_id": "binData", "subject": "binData", "count": "long", "last_at": "date?", "told": "bool", "expires_at": "date",
		},
		rules:   []bson.D{d("count", d("$gte", int64(0)))},
		indexes: []index{{name: "of_subject", keys: "subject"}, {name: "by_expiry", keys: "expires_at _id"}},
	}),

	// Seals make the transactions of each wallet a chain. Migrate seals those from before, and notes it: see sealBefore.
	of(
		change{in: "ledger_seals", fields: map[string]string{"_id": "object", "hash": "binData"}},
		change{in: "schema_versions", fields: map[string]string{"sealed": "bool?"}},
	),

	// A report may have copies of a message and of the two before it. Admins see how many reports
	// there are about a user.
	of(
		change{
			in: "reports", fields: map[string]string{"message_id": "binData?"},
			indexes: []index{{name: "of_reported", keys: "reported_user_id created_at _id"}},
		},
		change{
			in: "reported_messages", fields: map[string]string{
				"_id": "object", "user_id": "binData", "content": "string", "attachment": "string?", "created_at": "date",
			},
			indexes: []index{{name: "of_report", keys: "_id.report_id"}},
		},
	),

	// Admins sanction users. An account has the ends of its restriction and its suspension.
	of(
		change{in: "users", fields: map[string]string{"restricted_until": "date?", "suspended_until": "date?"}},
		change{
			in: "sanctions", fields: map[string]string{
				"_id": "binData", "user_id": "binData", "kind": "string", "reason": "string", "ends_at": "date?", "created_by": "binData",
				"created_at": "date", "appeal": "string?", "appealed_at": "date?", "outcome": "string?", "answer": "string?",
				"decided_by": "binData?", "decided_at": "date?",
			},
			rules:   []bson.D{d("kind", d("$in", bson.A{"warning", "restricted", "suspended"}))},
			indexes: []index{{name: "of_user", keys: "user_id created_at _id"}},
		},
	),

	// A conversation has the number of messages that each participant sent, for the quota of messages
	// without an answer. The batches are small, because each document counts all messages from before.
	of(change{
		in: "conversations", fields: map[string]string{"sent_voyager": "long", "sent_local": "long"},
		fill: &filling{lacking: d("sent_local", d("$exists", false)), batch: 50, with: countSent},
	}),

	// A user may have a second factor. users.second_factor is true if it is active, and
	// sessions.second_factor is true if the session was opened with it.
	of(
		change{
			in: "users", fields: map[string]string{"second_factor": "bool"},
			fill: &filling{lacking: d("second_factor", d("$exists", false)), with: withoutSecondFactor},
		},
		change{
			in: "sessions", fields: map[string]string{"second_factor": "bool"},
			fill: &filling{lacking: d("second_factor", d("$exists", false)), with: withoutSecondFactor},
		},
		change{in: "second_factors", fields: map[string]string{
			"_id": "binData", "secret": "binData", "last_step": "long", "recovery_codes": "array",
		}},
	),

	// Use cases say what happened. Events wait in the outbox until a numbering gives them a position. Subscriptions are
	// where subscribers are in that order. An interest has a version, which orders its events.
	of(
		change{
			in: "outbox", fields: map[string]string{
				"_id": "object", "type": "string", "version": "long", "created_at": "date", "data": "string",
			},
			indexes: []index{{name: "by_time", keys: "created_at _id.id"}},
		},
		change{
			in: "events", fields: map[string]string{
				"_id": "long", "aggregate": "string", "seq": "long", "id": "binData", "type": "string", "version": "long",
				"created_at": "date", "data": "string",
			},
			rules: []bson.D{d("_id", d("$gte", int64(1)))},
		},
		change{in: "counters", fields: map[string]string{"_id": "string", "value": "long"}},
		change{
			in: "subscriptions", fields: map[string]string{
				"_id": "string", "position": "long", "state": "string", "since": "date", "holder": "string?", "held_until": "date?",
				"attempts": "long", "retry_at": "date?",
			},
			rules: []bson.D{d("state", d("$in", bson.A{"active", "behind", "off"}))},
		},
		change{
			in: "set_aside_events", fields: map[string]string{
				"_id": "object", "attempts": "long", "class": "string", "failed_at": "date", "state": "string",
			},
			rules:   []bson.D{d("state", d("$in", bson.A{"waiting", "retry"}))},
			indexes: []index{{name: "of_event", keys: "_id.position"}, {name: "by_state", keys: "state _id"}},
		},
		change{in: "interests", fields: map[string]string{"version": "long"}, fill: &filling{
			lacking: d("version", d("$exists", false)), with: markFirstVersion,
		}},
	),

	// An account has the language of its user, and when its address was verified. Both are unknown for those from before.
	of(change{in: "users", fields: map[string]string{"locale": "string?", "email_verified_at": "date?"}}),

	// Users choose which mail they want. A presence is when a user was last here; a notice is a mail that is due.
	of(
		change{
			in: "notification_preferences", fields: map[string]string{"_id": "object", "channel": "string"},
			rules:   []bson.D{d("channel", d("$in", bson.A{"mail", "none"}))},
			indexes: []index{{name: "of_user", keys: "_id.user_id"}},
		},
		change{in: "presences", fields: map[string]string{"_id": "binData", "seen_at": "date"}},
		change{
			in: "notices", fields: map[string]string{"_id": "object", "due_at": "date?", "attempts": "long", "created_at": "date"},
			rules:   []bson.D{d("attempts", d("$gte", int64(0)))},
			indexes: []index{{name: "of_user", keys: "_id.user_id"}, {name: "by_due", keys: "due_at _id"}},
		},
	),

	// Admins add endpoints of webhooks.
	of(change{in: "webhooks", fields: map[string]string{
		"_id": "binData", "url": "string", "description": "string?", "types": "array", "secret": "binData", "old_secret": "binData",
		"old_until": "date?", "created_at": "date", "updated_at": "date",
	}}),
}

// step returns the changes that lead to the next version. They are made in order, may be interrupted and repeated, and may
// be made by several processes concurrently.
type step func() ([]change, error)

// change is what a step does to one collection. It makes the collection if it does not exist. Everything is written out, or
// stands in a file: a change does not follow what the schema or ports.Tables become later.
type change struct {
	in        string
	validator bson.D            // the whole validator, as it was released; nil makes it of the fields and rules
	fields    map[string]string // BSON types of fields that are new or get another type; "?" at the end of a type allows null and absence
	dropped   []string          // fields that the validator forgets
	rules     []bson.D          // replace all rules, if not nil
	indexes   []index           // are made
	unindexed []string          // names of indexes that are removed; a changed index gets a new name
	fill      *filling          // gives documents from before what they lack
}

func of(changes ...change) step {
	return func() ([]change, error) { return changes, nil }
}

//go:embed migrations/*.json
var migrationFiles embed.FS

// asReleased reads collections with validators and indexes from a file.
func asReleased(file string) step {
	return func() ([]change, error) {
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a migration: %w", err)
		}
		var written struct {
			Collections []struct {
				Collection string
				Validator  bson.D
				Indexes    []indexSpec
			}
		}
		if err := bson.UnmarshalExtJSON(text, true, &written); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		changes := make([]change, len(written.Collections))
		for i, c := range written.Collections {
			changes[i] = change{in: c.Collection, validator: c.Validator}
			for _, x := range c.Indexes {
				changes[i].indexes = append(changes[i].indexes, x.index())
			}
		}
		return changes, nil
	}
}
