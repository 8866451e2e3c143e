package mongodb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

// rows implements ports.Rows.
type rows struct{ *unit }

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		if err := table.CheckKey(after); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		from := document(table, table.Columns[:len(after)], after)
		switch table {
		case ports.ProfileInterests:
			page, err = readEmbedded(ctx, t, profilesIn, "interests", after, limit, scanLinks)
		case ports.Blocks:
			page, err = readEmbedded(ctx, t, usersIn, "blocks", after, limit, scanBlockRows)
		default:
			page, err = listPage(ctx, t, func(r *record) ports.Row { return scanRow(r, table) }, limit, keyset(table, from))
		}
		return err
	})
	return page, err
}

// keyset returns the query for a table's rows in the order of keys. If from has fields, it returns
// only rows after that key.
func keyset(table *ports.Table, from bson.D) query {
	q := query{in: collection(table.Name), filter: bson.D{}, sort: d("_id", 1)}
	if table == ports.IdempotencyRecords {
		q.filter = d("saved", true)
	}
	if table == ports.TokenTransactions {
		q.sort = d("user_id", 1, "seq", 1)
		if len(from) > 0 {
			q.filter = pastKey("$gt", "user_id", from[0].Value, "seq", from[1].Value)
		}
	} else if len(from) > 0 {
		q.filter = append(q.filter, d("_id", d("$gt", from[0].Value))...)
	}
	return q
}

// readEmbedded reads the rows of a table that is embedded in other documents, starting with the
// document in after.
func readEmbedded(
	ctx context.Context, t *txn, in collection, name string, after []any, limit int, scan func(r *record) []ports.Row,
) (page []ports.Row, err error) {
	if limit <= 0 {
		return nil, nil
	}
	q := query{in: in, filter: d(name+".0", d("$exists", true)), fields: d(name, 1), sort: d("_id", 1), limit: limit}
	if after != nil {
		home, _ := after[0].([16]byte) // ports has checked the types
		q.filter, q.limit = append(q.filter, d("_id", d("$gte", binary(home)))...), limit+1
	}
	found, err := list(ctx, t, scan, q)
	for _, row := range slices.Concat(found...) {
		if len(page) < limit && (after == nil || compareIDs(row, after) > 0) {
			page = append(page, row)
		}
	}
	return page, err
}

// compareIDs compares the two identifiers at the beginning of rows.
func compareIDs(a, b []any) int {
	for i := range 2 {
		x, _ := a[i].([16]byte)
		y, _ := b[i].([16]byte)
		if n := id.User(x).Compare(y); n != 0 {
			return n
		}
	}
	return 0
}

func scanLinks(r *record) (links []ports.Row) {
	for _, i := range idsIn[[16]byte](r, "interests") { // in order
		links = append(links, ports.Row{r.id("_id"), i})
	}
	return links
}

func scanBlockRows(r *record) (blocks []ports.Row) {
	for _, b := range scanBlocks(r) {
		blocks = append(blocks, ports.Row{[16]byte(b.UserID), [16]byte(b.BlockedUserID), b.CreatedAt})
	}
	slices.SortFunc(blocks, func(a, b ports.Row) int { return compareIDs(a, b) })
	return blocks
}

func scanRow(r *record, table *ports.Table) ports.Row {
	r.rest = fieldsOf(table, table.Columns)
	return table.Row(r)
}

// Write sends the rows immediately, to return their errors. A duplicate is an error here, not a
// conflict.
func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(t *txn) error {
		if err := table.Check(rows...); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		t.strict = true
		defer func() { t.strict = false }()
		var docs []bson.D
		for _, row := range rows {
			docs = append(docs, withDerived(document(table, table.Columns, row), table.Derived(), table.Derive(row)))
		}
		if err := t.insertRows(ctx, table, docs); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
		if err := t.flush(ctx); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
		return nil
	})
}

// insertRows adds rows, and the data that the store derives from them.
func (t *txn) insertRows(ctx context.Context, table *ports.Table, docs []bson.D) error {
	switch table {
	case ports.ProfileInterests:
		return t.insertLinks(ctx, docs)
	case ports.Profiles:
		return t.insertProfiles(ctx, docs)
	}
	for _, doc := range docs {
		if err := t.insertRow(ctx, table, doc); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) insertRow(ctx context.Context, table *ports.Table, doc bson.D) error {
	switch table {
	case ports.Users:
		t.insertUser(doc)
	case ports.Sessions:
		t.insertSession(doc, expiredEver)
	case ports.RefreshTokens:
		return t.insertRefreshToken(ctx, doc)
	case ports.Wallets:
		t.insertWallet(doc)
	case ports.Interests:
		t.insertInterest(doc)
	case ports.IdempotencyRecords:
		t.later(idempotencyIn, inserting(savedRecord(doc)))
	case ports.Conversations:
		t.insertConversation(doc)
	case ports.Messages:
		t.insertMessage(doc)
	case ports.Reservations:
		return t.insertReservationRow(ctx, doc)
	case ports.Blocks:
		matched, err := t.apply(ctx, usersIn, blocking(field(doc, "user_id"), field(doc, "blocked_user_id"), field(doc, "created_at")))
		if err == nil && matched == 0 {
			err = fmt.Errorf("the block %w, or its account does not exist", errTaken)
		}
		return err
	default:
		t.later(collection(table.Name), inserting(doc))
	}
	return nil
}

func (t *txn) insertReservationRow(ctx context.Context, doc bson.D) error {
	if field(doc, "status") == string(reservations.Accepted) {
		raw, err := bson.Marshal(doc)
		if err != nil {
			return err
		}
		r, err := read(raw, bookings.scan)
		if err == nil {
			err = mayStand(ctx, t, r)
		}
		if err != nil {
			return err
		}
	}
	t.insertReservation(doc)
	return nil
}

// insertProfiles adds profiles of existing accounts.
func (t *txn) insertProfiles(ctx context.Context, docs []bson.D) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	for _, doc := range docs {
		raw, err := bson.Marshal(doc)
		if err != nil {
			return err
		}
		user, err := read(raw, func(r *record) id.User { return r.id("user_id") })
		if err != nil {
			return err
		}
		active, err := t.isActive(ctx, user)
		if err != nil {
			return err
		}
		t.later(profilesIn, inserting(append(doc, d("interests", bson.A{}, "user_is_active", active)...)))
	}
	return nil
}

// insertLinks adds interests to existing profiles.
func (t *txn) insertLinks(ctx context.Context, docs []bson.D) error {
	profiles := make(bson.A, len(docs))
	for i, doc := range docs {
		profiles[i] = field(doc, "profile_id")
	}
	owners := map[id.Profile]id.User{}
	_, err := list(ctx, t, func(r *record) bool {
		owners[r.id("_id")] = r.id("user_id")
		return true
	}, query{in: profilesIn, filter: d("_id", d("$in", profiles)), fields: d("user_id", 1)})
	if err != nil {
		return err
	}
	models := make([]mongo.WriteModel, len(docs))
	for i, doc := range docs {
		raw, err := bson.Marshal(doc)
		if err != nil {
			return err
		}
		profile, err := read(raw, func(r *record) id.Profile { return r.id("profile_id") })
		if err != nil {
			return err
		}
		interest := field(doc, "interest_id")
		models[i] = changing(d("user_id", uuid(owners[profile]), "_id", uuid(profile), "interests", d("$ne", interest)),
			d("$push", d("interests", d("$each", bson.A{interest}, "$sort", 1))))
	}
	matched, err := t.update(ctx, profilesIn, models...)
	if err == nil && matched < int64(len(docs)) {
		err = fmt.Errorf("a profile's interest %w, or its profile does not exist", errTaken)
	}
	return err
}

// document returns the values of the first columns, which ports has checked, with the names of
// their fields.
func document(table *ports.Table, columns []ports.Column, values []any) bson.D {
	doc := make(bson.D, len(values))
	for i, c := range columns {
		doc[i] = bson.E{Key: fieldOf(table, c.Name), Value: stored(c.Kind, values[i])}
	}
	return withID(doc)
}

// withID returns doc with its fields _id.x, which are the first ones if there are any, as one _id.
func withID(doc bson.D) bson.D {
	var parts bson.D
	for len(doc) > len(parts) && strings.HasPrefix(doc[len(parts)].Key, "_id.") {
		part := doc[len(parts)]
		parts = append(parts, bson.E{Key: strings.TrimPrefix(part.Key, "_id."), Value: part.Value})
	}
	if parts == nil {
		return doc
	}
	return append(d("_id", parts), doc[len(parts):]...)
}

// withDerived adds the derived fields of a document.
func withDerived(doc bson.D, columns []ports.Derived, values []any) bson.D {
	for i, column := range columns {
		doc = append(doc, bson.E{Key: column.Name, Value: values[i]})
	}
	return doc
}

func stored(kind ports.Kind, value any) any {
	switch v := value.(type) {
	case [16]byte:
		return binary(v)
	case string:
		if kind == ports.Decimal {
			return amount(v)
		}
		return v
	case time.Time:
		return date(v)
	case []byte:
		return octets(v)
	case []string:
		return listed(v)
	default:
		return v
	}
}
