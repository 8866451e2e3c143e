package mongodbtest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// The benchmarks compare the service with a program that does the same with the driver alone, on the same
// server. They report the operations per second of both, and the ratio. The numbers need a real server, and
// a -benchtime of some thousand operations (make bench-mongodb). Without a real server the benchmarks run on
// the fake, check that both programs do the same, and report no numbers.

// BenchmarkSend sends a message: it debits the wallet, writes the ledger, and updates the last message of the
// conversation. It also reports the messages per second if none share a transaction, the ratio of these to
// those of the driver, and how many times faster they are if they do.
func BenchmarkSend(b *testing.B) { compare(b, sending) }

// BenchmarkList lists the last 30 messages of a conversation.
func BenchmarkList(b *testing.B) { compare(b, listing) }

// TestComparedPrograms checks that the programs that the benchmarks compare do the same.
func TestComparedPrograms(t *testing.T) {
	for name, what := range map[string]compared{"send": sending, "list": listing} {
		t.Run(name, func(t *testing.T) {
			c := newContest(t, onFake(startFake(t)), 4)
			c.run(t, what, 4, 40)
		})
	}
}

const content = "Shall we meet at the fountain at ten?"

// compared is an operation in two implementations.
type compared struct {
	service func(ctx context.Context, c *community.Community, p community.Pair) error
	driver  func(ctx context.Context, d *driver, p community.Pair) error
	adds    bool // each operation adds a message, which may share a transaction
}

var (
	sending = compared{
		service: func(ctx context.Context, c *community.Community, p community.Pair) error {
			_, err := c.Messaging.Send(ctx, p.Voyager, p.Talk, messaging.Draft{Content: content}, "")
			return err
		},
		driver: func(ctx context.Context, d *driver, p community.Pair) error { return d.send(ctx, p) },
		adds:   true,
	}
	listing = compared{
		service: func(ctx context.Context, c *community.Community, p community.Pair) error {
			got, err := c.Messaging.Messages(ctx, p.Voyager, p.Talk, page.Request[page.Moment]{Limit: 30})
			if err == nil && len(got.Items) != 30 {
				err = fmt.Errorf("the service lists %d messages, want 30", len(got.Items))
			}
			return err
		},
		driver: func(ctx context.Context, d *driver, p community.Pair) error {
			got, err := d.list(ctx, p)
			if err == nil && len(got) != 31 {
				err = fmt.Errorf("the driver lists %d messages, want 31", len(got))
			}
			return err
		},
	}
)

func compare(b *testing.B, what compared) {
	given := os.Getenv("CICERONE_MONGODB_URI") != ""
	var s target
	if given {
		s = onServer(b)
	} else {
		s = onFake(startFake(b))
	}
	c := newContest(b, s, 64)
	for _, clients := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			service, single, driver := c.run(b, what, clients, b.N)
			b.ReportMetric(0, "ns/op")
			if !given {
				b.Log("no numbers, because this is the fake: set CICERONE_MONGODB_URI to compare on a server")
				return
			}
			b.ReportMetric(service, "service/s")
			b.ReportMetric(driver, "driver/s")
			b.ReportMetric(service/driver, "ratio")
			if what.adds {
				b.ReportMetric(single, "single/s")
				b.ReportMetric(single/driver, "single-ratio")
				b.ReportMetric(service/single, "batched")
			}
		})
	}
}

// contest is a store with some messages, and both implementations over it.
type contest struct {
	*town
	single *community.Community // in which no messages share a transaction
	driver *driver
}

func newContest(t testing.TB, s target, pairs int) *contest {
	t.Helper()
	w := s.populated(t, pairs)
	alone := s.open(t, mongodb.Options{Database: w.database, NoGroupCommit: true})
	t.Cleanup(func() { must(t, alone.Close(context.Background())) })
	c := &contest{
		w, community.New(alone, w.clock, id.NewGenerator(nil), uow.Policy{}),
		&driver{db: s.client(t).Database(w.database), clock: w.clock, ids: id.NewGenerator(nil)},
	}
	for _, p := range w.pairs {
		for range 40 {
			w.clock.Advance(time.Millisecond)
			must(t, sending.service(context.Background(), w.Community, p))
		}
	}
	return c
}

// run runs the implementations times times, and then checks that the store keeps all its rules, and that all
// have added the same number of messages. The clock advances, as clocks do. single is zero for an operation
// that adds no message.
func (c *contest) run(t testing.TB, what compared, clients, times int) (service, single, driver float64) {
	t.Helper()
	ctx := context.Background()
	contenders := []func(n int) error{
		func(n int) error { return what.service(ctx, c.Community, c.pairs[n]) },
		func(n int) error { return what.driver(ctx, c.driver, c.pairs[n]) },
	}
	if what.adds {
		contenders = append(contenders, func(n int) error { return what.service(ctx, c.single, c.pairs[n]) })
	}
	before, reached, added := c.messages(t), make([]float64, 3), make([]int64, len(contenders))
	for i, operation := range contenders {
		reached[i] = workload.PerSecond(t, clients, times, func(n int) error {
			c.clock.Advance(time.Millisecond)
			return operation(n)
		})
		after := c.messages(t)
		added[i], before = after-before, after
	}
	if len(slices.Compact(slices.Clone(added))) != 1 || (added[0] > 0) != what.adds {
		t.Errorf("the service, the driver and the service without groups have added %v messages", added)
	}
	workload.Audit(t, c.Community)
	return reached[0], reached[2], reached[1]
}

func (c *contest) messages(t testing.TB) int64 {
	t.Helper()
	cursor, err := c.driver.in(ports.Messages).Aggregate(context.Background(), mongo.Pipeline{{{Key: "$count", Value: "n"}}})
	must(t, err)
	var counts []struct{ N int64 }
	must(t, cursor.All(context.Background(), &counts))
	return counts[0].N
}

// driver is the implementation with the driver alone: the same writes in one transaction with the same
// concerns. It reads nothing first, and checks nothing but the balance.
type driver struct {
	db    *mongo.Database
	clock *community.Clock
	ids   *id.Generator
}

func (d *driver) in(table *ports.Table) *mongo.Collection { return d.db.Collection(table.Name) }

var concerns = options.Transaction().
	SetReadConcern(readconcern.Snapshot()).
	SetWriteConcern(writeconcern.Majority()).
	SetReadPreference(readpref.Primary())

func (d *driver) send(ctx context.Context, p community.Pair) error {
	session, err := d.db.Client().StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	_, err = session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
		return nil, d.write(ctx, p)
	}, concerns)
	return err
}

func (d *driver) write(ctx context.Context, p community.Pair) error {
	var wallet struct{ Balance, Seq int64 }
	err := d.in(ports.Wallets).FindOneAndUpdate(ctx,
		bson.D{{Key: "user_id", Value: binary(p.Voyager)}, {Key: "balance", Value: bson.D{{Key: "$gte", Value: 1}}}},
		bson.D{{Key: "$inc", Value: bson.D{{Key: "balance", Value: int64(-1)}, {Key: "seq", Value: int64(1)}}}},
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&wallet)
	if err != nil {
		return err
	}
	message, now := id.Message(d.ids.Next()), d.clock.Now()
	_, err = d.in(ports.TokenTransactions).InsertOne(ctx, bson.D{
		{Key: "_id", Value: binary(id.Transaction(d.ids.Next()))}, {Key: "user_id", Value: binary(p.Voyager)},
		{Key: "seq", Value: wallet.Seq}, {Key: "amount", Value: int64(-1)}, {Key: "type", Value: "MESSAGE_SENT"},
		{Key: "reason", Value: "message sent"}, {Key: "metadata", Value: `{"message_id":"` + message.String() + `"}`},
		{Key: "balance_before", Value: wallet.Balance + 1}, {Key: "balance_after", Value: wallet.Balance},
		{Key: "created_at", Value: now},
	})
	if err != nil {
		return err
	}
	sent := bson.D{
		{Key: "_id", Value: binary(message)}, {Key: "conversation_id", Value: binary(p.Talk)},
		{Key: "user_id", Value: binary(p.Voyager)}, {Key: "content", Value: content}, {Key: "attachment", Value: nil},
		{Key: "read", Value: false}, {Key: "created_at", Value: now},
	}
	if _, err = d.in(ports.Messages).InsertOne(ctx, sent); err != nil {
		return err
	}
	_, err = d.in(ports.Conversations).UpdateOne(ctx, bson.D{{Key: "_id", Value: binary(p.Talk)}}, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "unread_local", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{{Key: "last_message", Value: sent}, {Key: "activity_at", Value: now}}},
	})
	return err
}

// listed is a message as the driver lists it.
type listed struct {
	ID             primitive.Binary `bson:"_id"`
	ConversationID primitive.Binary `bson:"conversation_id"`
	UserID         primitive.Binary `bson:"user_id"`
	Content        string
	Attachment     *string
	Read           bool
	CreatedAt      time.Time `bson:"created_at"`
}

// list reads one message more than the service returns. The service does so, too, to know whether more follow.
func (d *driver) list(ctx context.Context, p community.Pair) (all []listed, err error) {
	cursor, err := d.in(ports.Messages).Find(ctx, bson.D{{Key: "conversation_id", Value: binary(p.Talk)}},
		options.Find().SetSort(bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}).SetLimit(31))
	if err != nil {
		return nil, err
	}
	err = cursor.All(ctx, &all)
	return all, err
}

func binary[E any](i id.ID[E]) primitive.Binary { return primitive.Binary{Subtype: 4, Data: i[:]} }
