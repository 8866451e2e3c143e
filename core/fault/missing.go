package fault

import (
	"reflect"
	"strings"
)

// Missing returns an error of kind Internal that names the fields of a struct that are nil, or nil if no
// field is: for constructors that need all their parts. An interface that holds a nil pointer counts as nil;
// a field that cannot be nil is never missing. It panics if parts is not a struct.
func Missing(what string, parts any) error {
	var names []string
	v := reflect.ValueOf(parts)
	for i := range v.NumField() {
		if isNil(v.Field(i)) {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return New(Internal, "missing_part", what+" cannot be made without "+strings.Join(names, ", "))
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || isNil(v.Elem())
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	default:
		return false
	}
}
