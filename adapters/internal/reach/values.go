package reach

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// scene is a store with rows in every table. The strangers are users with an account and no other
// rows.
type scene struct {
	store     ports.Storage
	ids       *id.Generator
	strangers []id.User
	later     time.Time // than any time in the store
}

// newScene fills an empty store.
func newScene(ctx context.Context, store ports.Storage) (*scene, error) {
	clock := community.NewClock()
	s := &scene{store: store, ids: id.NewGenerator(nil), later: clock.Now().AddDate(1, 0, 0)}
	c, err := community.NewScene(ctx, community.New(store, clock, s.ids, uow.Policy{}), clock)
	if err != nil {
		return nil, err
	}
	for i := range mostRows {
		key := idempotency.Key(fmt.Sprint("key-", i))
		for _, u := range community.UseCases {
			if slices.Contains([]string{"send a picture", "sign in", "block"}, u.Name) {
				err = errors.Join(err, u.Do(ctx, c, key))
			}
		}
	}
	err = errors.Join(err, c.Users.ForgotPassword(ctx, "otto@example.org", users.Device{}))
	return s, errors.Join(err, store.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		for _, user := range []id.User{c.Voyager, c.Local, c.Other, c.Admin} {
			none := notifications.Preference{UserID: user, Kind: notifications.NewMessage, Channel: notifications.None}
			err := errors.Join(
				tx.Users().SaveSecondFactor(ctx, users.SecondFactor{UserID: user, Secret: []byte("sealed")}),
				tx.Notifications().SavePreferences(ctx, user, none),
				tx.Notifications().AddNotice(ctx, notifications.Notice{
					UserID: user, Kind: notifications.ReportDecided, SubjectID: id.Subject(s.ids.Next()), DueAt: clock.Now(), CreatedAt: clock.Now(),
				}),
				tx.Webhooks().Put(ctx, webhooks.Endpoint{
					ID: id.Webhook(s.ids.Next()), URL: "https://example.org", Secret: []byte("sealed"), CreatedAt: clock.Now(), UpdatedAt: clock.Now(),
				}),
			)
			if err != nil {
				return err
			}
		}
		for i := range mostRows {
			stranger := users.User{
				ID: id.User(s.ids.Next()), Name: fmt.Sprint("stranger ", i), Role: users.RoleUser, IsActive: true,
				CreatedAt: clock.Now(), UpdatedAt: clock.Now(),
			}
			s.strangers = append(s.strangers, stranger.ID)
			if _, err := tx.Users().Add(ctx, stranger, users.PasswordHash{}); err != nil {
				return err
			}
		}
		return subscribe(ctx, tx, s.later)
	}))
}

// subscribers are the names of subscriptions. They are addresses of accounts, because values.add
// finds these as texts. There are several, because Subscriptions.Drop removes one.
var subscribers = []string{"admin@example.org", "otto@example.org"}

// subscribe numbers some events, and adds subscriptions that have set the first of them aside.
func subscribe(ctx context.Context, tx ports.Tx, later time.Time) error {
	_, err := tx.Events().Number(ctx, mostRows)
	for _, name := range subscribers {
		_, err2 := tx.Subscriptions().Subscribe(ctx, events.Subscription{Name: name, State: events.Active, Since: later})
		s, _, err3 := tx.Subscriptions().Lease(ctx, name, anyText, later, later)
		_, err4 := tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
			Subscriber: name, Position: 1, Class: anyText, At: later, State: events.Waiting,
		})
		err = errors.Join(err, err2, err3, err4)
	}
	return err
}

// anyText is the text of arguments for which no value is known.
const anyText = "hiking"

// mostRows is the greatest number of rows of a table that are tried as an argument.
const mostRows = 8

// variant selects the arguments of a call.
type variant struct {
	fresh  bool // structs are rows that the store does not have
	sparse bool // optional values are absent
	row    int  // the first row that is used of each table
}

// variants begin with new rows, because an existing row cannot be added.
var variants = []variant{{fresh: true}, {fresh: true, sparse: true}, {}, {sparse: true}}

// values are the values in the rows of a store, by their types, without duplicates.
type values struct {
	*scene
	all map[reflect.Type][]reflect.Value
}

func (s *scene) values(ctx context.Context) (*values, error) {
	have := &values{s, map[reflect.Type][]reflect.Value{}}
	return have, s.store.Run(ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			collect(ctx, tx, have, ports.AccountLayout), collect(ctx, tx, have, ports.ResetLayout),
			collect(ctx, tx, have, ports.SessionLayout), collect(ctx, tx, have, ports.RefreshTokenLayout),
			collect(ctx, tx, have, ports.WalletLayout), collect(ctx, tx, have, ports.TransactionLayout),
			collect(ctx, tx, have, ports.InterestLayout), collect(ctx, tx, have, ports.ProfileLayout),
			collect(ctx, tx, have, ports.ConversationLayout), collect(ctx, tx, have, ports.MessageLayout),
			collect(ctx, tx, have, ports.AttachmentLayout), collect(ctx, tx, have, ports.ReservationLayout),
			collect(ctx, tx, have, ports.ReportLayout), collect(ctx, tx, have, ports.ReportedMessageLayout),
			collect(ctx, tx, have, ports.SanctionLayout),
			collect(ctx, tx, have, ports.BlockLayout),
			collect(ctx, tx, have, ports.AuditRecordLayout), collect(ctx, tx, have, ports.RecordLayout),
			collect(ctx, tx, have, ports.GrantLayout), collect(ctx, tx, have, ports.StoreKeyLayout),
			collect(ctx, tx, have, ports.TriesLayout), collect(ctx, tx, have, ports.SecondFactorLayout),
			collect(ctx, tx, have, ports.OutboxLayout), collect(ctx, tx, have, ports.EventLayout),
			collect(ctx, tx, have, ports.SubscriptionLayout), collect(ctx, tx, have, ports.SetAsideLayout),
			collect(ctx, tx, have, ports.PreferenceLayout), collect(ctx, tx, have, ports.NoticeLayout),
			collect(ctx, tx, have, ports.WebhookLayout),
		)
	})
}

func collect[T any](ctx context.Context, tx ports.Tx, have *values, layout ports.Layout[T]) error {
	rows, err := tx.Rows().Read(ctx, layout.Table, nil, mostRows)
	for _, row := range rows {
		v, wrong := layout.Value(row)
		err = errors.Join(err, wrong)
		have.add(reflect.ValueOf(v))
	}
	return err
}

// add adds a value and those of its fields that have a type of their own, and the names by which
// repositories look rows up.
func (have *values) add(v reflect.Value) {
	same := func(other reflect.Value) bool { return reflect.DeepEqual(v.Interface(), other.Interface()) }
	if all := have.all[v.Type()]; !slices.ContainsFunc(all, same) {
		have.all[v.Type()] = append(all, v)
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		named := field.Type.PkgPath() != "" || field.Name == "Email" || field.Name == "Owner"
		if field.IsExported() && named && !value.IsZero() {
			have.add(value)
		}
	}
}

// arguments returns arguments for a method.
func (have *values) arguments(ctx context.Context, method reflect.Value, v variant) ([]reflect.Value, error) {
	chosen := &choice{have, v, map[reflect.Type]int{}}
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < method.Type().NumIn(); i++ {
		arg := reflect.New(method.Type().In(i)).Elem()
		if err := chosen.fill(arg, true); err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

// choice chooses the arguments of one call.
type choice struct {
	*values
	variant
	taken map[reflect.Type]int
}

var errNoValue = errors.New("no value is known")

// fill sets an argument, or a part of one if whole is false.
func (c *choice) fill(v reflect.Value, whole bool) error {
	t := v.Type()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(c.later))
	case c.sparse && mayMiss(t, whole):
	case t == reflect.TypeFor[text.Folded]():
		v.Set(reflect.ValueOf(text.Fold(anyText)))
	case t == reflect.TypeFor[text.Searched]():
		v.Set(reflect.ValueOf(text.SearchFold(anyText)))
	case len(c.all[t]) > 0:
		v.Set(c.take(t))
		if t.Kind() == reflect.Struct {
			c.change(v)
		}
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		return c.fill(v.Elem(), whole)
	case t.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
		return c.fill(v.Index(0), whole)
	case t.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if err := c.fill(v.Field(i), false); err != nil {
				return err
			}
		}
		c.name(v)
	case t.Kind() == reflect.String:
		v.SetString(anyText)
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		v.SetInt(1)
	case t.Kind() == reflect.Uint8:
		v.SetUint(1)
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case t.Kind() == reflect.Array: // an id of any kind
	default:
		return fmt.Errorf("%w of the type %v", errNoValue, t)
	}
	return nil
}

// mayMiss reports whether the zero value of a type means an absent value.
func mayMiss(t reflect.Type, whole bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.String:
		return true
	case reflect.Slice, reflect.Bool, reflect.Int:
		return !whole
	}
	return t == reflect.TypeFor[id.Subject]()
}

// change changes a row as the variant requires. Values of the same types that are taken after it
// differ from the row's, so that a reservation moves to another status.
func (c *choice) change(v reflect.Value) {
	for i := range v.NumField() {
		t := v.Field(i).Type()
		c.taken[t]++
		if c.sparse && t.Kind() == reflect.Bool {
			v.Field(i).SetBool(false) // for example, an active account becomes inactive
		}
	}
	if c.fresh {
		c.renew(v)
	}
}

// take returns the next value of a type.
func (c *choice) take(t reflect.Type) reflect.Value {
	all := c.all[t]
	c.taken[t]++
	return all[(c.row+c.taken[t]-1)%len(all)]
}

// renew turns a copy of an existing row into a new row. Its users are strangers to each other,
// unless they have a conversation.
func (c *choice) renew(v reflect.Value) {
	c.name(v)
	talks := v.FieldByName("ConversationID").IsValid()
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		switch {
		case field.Name == "Hash":
			hash := slices.Concat(c.next(), c.next())
			reflect.Copy(value, reflect.ValueOf(hash))
		case field.Type.Kind() == reflect.String && slices.Contains([]string{"Name", "Email", "Key"}, field.Name):
			value.SetString(fmt.Sprintf("%x", c.next()))
		case field.Name != "ID" && field.Type == reflect.TypeFor[id.User]() && !value.IsZero() && !talks:
			value.Set(reflect.ValueOf(c.strangers[(c.row+i)%len(c.strangers)]))
		}
	}
}

// name sets the field ID of a struct to a new id, if it has that field and a new row is wanted.
func (c *choice) name(v reflect.Value) {
	if own := v.FieldByName("ID"); c.fresh && own.IsValid() {
		reflect.Copy(own, reflect.ValueOf(c.next()))
	}
}

func (c *choice) next() []byte {
	next := c.ids.Next()
	return next[:]
}
