package memory

import (
	"reflect"
	"slices"
	"unsafe"
)

// Keys returns the keys of every tree of the store, by the name of the tree.
func (s *Store) Keys() map[string][]string {
	all := map[string][]string{}
	listKeys(reflect.ValueOf(s.published.Load()).Elem(), all)
	return all
}

func listKeys(tables reflect.Value, all map[string][]string) {
	for i := range tables.NumField() {
		field, name := tables.Field(i), tables.Type().Field(i).Name
		if tables.Type().Field(i).Anonymous {
			listKeys(field, all)
			continue
		}
		tree := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Interface()
		all[name] = tree.(interface{ keys() []string }).keys()
	}
}

func (t *tree[V]) keys() []string { return slices.Clone(t.m.Keys()) }
