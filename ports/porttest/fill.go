package porttest

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// filler makes values with exported fields that all differ from zero and, except bool, from one
// another. A test then sets the fields that a rule constrains.
type filler struct {
	n     int                         // the number of values made so far
	truth bool                        // the next bool; they alternate
	hooks map[reflect.Type]func() any // for types that reflection cannot fill, or whose values a rule constrains
}

// filler returns a filler for this fixture's store: each id.User that it makes belongs to a stored
// account.
func (f *fixture) filler() *filler {
	fl := &filler{}
	fl.hooks = map[reflect.Type]func() any{
		reflect.TypeFor[time.Time](): func() any {
			return noon.Add(time.Duration(fl.n) * (time.Hour + time.Millisecond))
		},
		reflect.TypeFor[id.User]():     func() any { return f.account(fmt.Sprint("filled", fl.n)).ID },
		reflect.TypeFor[users.Role]():  func() any { return users.RoleAdmin },
		reflect.TypeFor[tokens.Type](): func() any { return tokens.Deposit },
		reflect.TypeFor[tokens.Metadata](): func() any {
			return tokens.Reference("no", id.Transaction(f.ids.Next()))
		},
		reflect.TypeFor[events.Type]():             func() any { return events.TypeProfileChanged },
		reflect.TypeFor[events.Data]():             func() any { return events.ProfileChanged{UserID: id.User(f.ids.Next())} },
		reflect.TypeFor[events.State]():            func() any { return events.Active },
		reflect.TypeFor[events.AsideState]():       func() any { return events.Retried },
		reflect.TypeFor[moderation.Status]():       func() any { return moderation.Dismissed },
		reflect.TypeFor[moderation.SanctionKind](): func() any { return moderation.Suspension },
		reflect.TypeFor[moderation.Outcome]():      func() any { return moderation.Upheld },
		reflect.TypeFor[notifications.Kind]():      func() any { return notifications.ReportDecided },
		reflect.TypeFor[notifications.Channel]():   func() any { return notifications.None },
		reflect.TypeFor[reservations.Price]():      func() any { return price(fmt.Sprintf("%d.25", fl.n)) },
		reflect.TypeFor[reservations.Status]():     func() any { return reservations.Declined },
	}
	return fl
}

// filled makes a T. Its field ID, if it has one, is unique.
func filled[T any](f *fixture, fl *filler) (v T) {
	f.Helper()
	whole := reflect.ValueOf(&v).Elem()
	if err := fl.fill(whole); err != nil {
		f.Fatalf("the kit cannot fill a %T: %v", v, err)
	}
	if own := whole.FieldByName("ID"); own.IsValid() {
		own.Set(reflect.ValueOf(f.ids.Next()).Convert(own.Type()))
	}
	return v
}

// fill sets every exported field of a value. It returns an error if a value has no exported part
// and no hook.
func (fl *filler) fill(v reflect.Value) error {
	fl.n++
	if hook, there := fl.hooks[v.Type()]; there {
		v.Set(reflect.ValueOf(hook()).Convert(v.Type()))
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(fl.truth)
		fl.truth = !fl.truth
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(fl.n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(fl.n)) // #nosec G115 -- small and positive
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(fl.n) + 0.5)
	case reflect.String:
		v.SetString(fmt.Sprint("value ", fl.n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fl.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 32, 32))
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.SetLen(2)
		}
		return fl.fillItems(v)
	case reflect.Array:
		return fl.fillItems(v)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			if err := fl.fill(key); err != nil {
				return err
			}
			if err := fl.fill(value); err != nil {
				return err
			}
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		return fl.fillFields(v)
	default:
		return fmt.Errorf("%s is not a kind that can be filled", v.Type())
	}
	return nil
}

// fillItems fills the items of a slice or an array. Bytes are taken from a hash.
func (fl *filler) fillItems(v reflect.Value) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		hash := sha256.Sum256([]byte(strconv.Itoa(fl.n)))
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(hash[i%len(hash)]))
		}
		return nil
	}
	for i := range v.Len() {
		if err := fl.fill(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (fl *filler) fillFields(v reflect.Value) error {
	exported := 0
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		exported++
		if err := fl.fill(v.Field(i)); err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
	}
	if exported == 0 && v.NumField() > 0 {
		return fmt.Errorf("%s has no exported field", v.Type())
	}
	return nil
}

// sameFields compares a value with the one that was written, and reports an error for each field
// that differs.
func sameFields[T any](f *fixture, from string, read, wrote T) {
	f.Helper()
	compare(reflect.ValueOf(wrote), reflect.ValueOf(read), reflect.TypeFor[T]().Name(),
		func(field, wrote, read string) {
			f.Helper()
			f.Errorf("%s: %s: wrote %s, read %s", from, field, shorten(wrote), shorten(read))
		})
}

// compare calls differs for each exported field in which two values of one type differ. A nil list
// or map equals an empty one. A value without exported fields is compared by its printed form.
func compare(wrote, read reflect.Value, field string, differs func(field, wrote, read string)) {
	whole := func(equal bool) {
		if !equal {
			differs(field, printed(wrote), printed(read))
		}
	}
	if _, moment := wrote.Interface().(time.Time); moment {
		whole(wrote.Interface() == read.Interface()) // the same moment, in UTC
		return
	}
	switch wrote.Kind() {
	case reflect.Struct:
		exported := false
		for i := range wrote.NumField() {
			if name := wrote.Type().Field(i); name.IsExported() {
				exported = true
				compare(wrote.Field(i), read.Field(i), field+"."+name.Name, differs)
			}
		}
		if !exported {
			whole(printed(wrote) == printed(read))
		}
	case reflect.Pointer:
		if wrote.IsNil() || read.IsNil() {
			whole(wrote.IsNil() == read.IsNil())
			return
		}
		compare(wrote.Elem(), read.Elem(), field, differs)
	case reflect.Slice:
		if wrote.Len() != read.Len() || wrote.Type().Elem().Kind() == reflect.Uint8 {
			whole(printed(wrote) == printed(read))
			return
		}
		for i := range wrote.Len() {
			compare(wrote.Index(i), read.Index(i), fmt.Sprintf("%s[%d]", field, i), differs)
		}
	default:
		whole(printed(wrote) == printed(read))
	}
}

// printed formats a value: text in quotes, a nil list like an empty one.
func printed(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer || !v.IsNil() {
			return value.String()
		}
	}
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprintf("%v", v.Interface())
}
